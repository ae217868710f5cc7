// A test of somebody who does not write Python: it drives a runtime as a kubelet would, and controls
// it over fakecri.control.v1, with code that protoc has made of control.proto.
//
// Arguments: the endpoint of the runtime, and that of the control service. The runtime's time is to
// stand still. Each step that went well is a line on stdout; the first that did not ends it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	control "fakecri.dev/tests/real/go/controlv1"
)

const patience = 30 * time.Second

type driver struct {
	ctx       context.Context
	runtime   cri.RuntimeServiceClient
	images    cri.ImageServiceClient
	rules     control.RulesClient
	clock     control.ClockClient
	state     control.StateClient
	recording control.RecordingClient
	sessions  control.SessionsClient
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: go RUNTIME CONTROL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	runtime, service := dial(os.Args[1]), dial(os.Args[2])
	d := &driver{
		ctx:       ctx,
		runtime:   cri.NewRuntimeServiceClient(runtime),
		images:    cri.NewImageServiceClient(runtime),
		rules:     control.NewRulesClient(service),
		clock:     control.NewClockClient(service),
		state:     control.NewStateClient(service),
		recording: control.NewRecordingClient(service),
		sessions:  control.NewSessionsClient(service),
	}
	for _, step := range []struct {
		name string
		run  func(*driver) error
	}{
		{"a rule acts on a call", lostReply},
		{"a rule that is none is refused, and where it is none is said", badRule},
		{"time passes when it is told to", advance},
		{"the runtime restarts, and forgets what ran", restart},
		{"the recording tells of all of it", readRecording},
		{"a runtime can begin anew", reset},
	} {
		if err := step.run(d); err != nil {
			log.Fatalf("%s: %v", step.name, err)
		}
		fmt.Println(step.name)
	}
}

func dial(endpoint string) *grpc.ClientConn {
	connection, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

// run runs a pod with a container that sleeps, and returns the id of the container.
func (d *driver) run(name, seconds string) (string, error) {
	image := &cri.ImageSpec{Image: "busybox"}
	if _, err := d.images.PullImage(d.ctx, &cri.PullImageRequest{Image: image}); err != nil {
		return "", err
	}
	pod := &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Name: name, Namespace: "default", Uid: name},
	}
	sandbox, err := d.runtime.RunPodSandbox(d.ctx, &cri.RunPodSandboxRequest{Config: pod})
	if err != nil {
		return "", err
	}
	container, err := d.runtime.CreateContainer(d.ctx, &cri.CreateContainerRequest{
		PodSandboxId:  sandbox.PodSandboxId,
		SandboxConfig: pod,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "main"},
			Image:    image,
			Command:  []string{"sleep", seconds},
		},
	})
	if err != nil {
		return "", err
	}
	start := &cri.StartContainerRequest{ContainerId: container.ContainerId}
	_, err = d.runtime.StartContainer(d.ctx, start)
	return container.ContainerId, err
}

func (d *driver) containerState(id string, wait bool) (cri.ContainerState, error) {
	request := &cri.ContainerStatusRequest{ContainerId: id}
	answer, err := d.runtime.ContainerStatus(d.ctx, request, grpc.WaitForReady(wait))
	return answer.GetStatus().GetState(), err
}

func (d *driver) expectState(id string, expected cri.ContainerState) error {
	state, err := d.containerState(id, false)
	if err == nil && state != expected {
		err = fmt.Errorf("the container is %s, not %s", state, expected)
	}
	return err
}

func lostReply(d *driver) error {
	rule := `StopContainer{pod=web} = 1*after:error(UNAVAILABLE, "gone")`
	if _, err := d.rules.Arm(d.ctx, &control.ArmRequest{Rules: []string{rule}}); err != nil {
		return err
	}
	id, err := d.run("web", "600")
	if err != nil {
		return err
	}
	_, err = d.runtime.StopContainer(d.ctx, &cri.StopContainerRequest{ContainerId: id})
	if status.Code(err) != codes.Unavailable || status.Convert(err).Message() != "gone" {
		return fmt.Errorf("the stop ended with %v", err)
	}
	if err := d.expectState(id, cri.ContainerState_CONTAINER_EXITED); err != nil {
		return err
	}
	list, err := d.rules.List(d.ctx, &control.ListRulesRequest{})
	if err != nil {
		return err
	}
	if len(list.Rules) != 1 || list.Rules[0].Fired != 1 {
		return fmt.Errorf("these rules are in force: %v", list.Rules)
	}
	return nil
}

func badRule(d *driver) error {
	_, err := d.rules.Arm(d.ctx, &control.ArmRequest{Rules: []string{"StopContainer = explode"}})
	if status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("it ended with %v", err)
	}
	return nil
}

func advance(d *driver) error {
	id, err := d.run("job", "3600")
	if err != nil {
		return err
	}
	if err := d.expectState(id, cri.ContainerState_CONTAINER_RUNNING); err != nil {
		return err
	}
	reading, err := d.clock.Advance(d.ctx, &control.AdvanceRequest{Span: "1h"})
	if err != nil {
		return err
	}
	if reading.VirtualNs != time.Hour.Nanoseconds() {
		return fmt.Errorf("the clock shows %v", reading)
	}
	return d.expectState(id, cri.ContainerState_CONTAINER_EXITED)
}

func restart(d *driver) error {
	id, err := d.run("db", "600")
	if err != nil {
		return err
	}
	fault := "runtime restart down=5s keep=unknown"
	if _, err := d.state.Strike(d.ctx, &control.StrikeRequest{Fault: fault}); err != nil {
		return err
	}
	if _, err := d.containerState(id, false); status.Code(err) != codes.Unavailable {
		return fmt.Errorf("a call while it was down ended with %v", err)
	}
	if _, err := d.clock.Advance(d.ctx, &control.AdvanceRequest{Span: "5s"}); err != nil {
		return err
	}
	state, err := d.containerState(id, true)
	if err == nil && state != cri.ContainerState_CONTAINER_UNKNOWN {
		err = fmt.Errorf("the container is %s", state)
	}
	return err
}

func readRecording(d *driver) error {
	lines, err := d.recording.Stream(d.ctx, &control.StreamRequest{})
	if err != nil {
		return err
	}
	kinds := map[string]int{}
	for {
		line, err := lines.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var record struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal([]byte(line.Json), &record); err != nil {
			return err
		}
		kinds[record.Kind]++
	}
	for _, kind := range []string{"header", "call", "reply", "move", "event", "rule", "fault", "clock", "state"} {
		if kinds[kind] == 0 {
			return fmt.Errorf("no line of the kind %q among %v", kind, kinds)
		}
	}
	count, err := d.recording.Count(d.ctx, &control.CountRequest{Rpcs: []string{"StopContainer"}})
	if err == nil && (count.Calls != 1 || count.Failed != 1) {
		err = fmt.Errorf("the stops were %v", count)
	}
	return err
}

func reset(d *driver) error {
	session, err := d.sessions.Reset(d.ctx, &control.ResetSessionRequest{})
	if err != nil {
		return err
	}
	list, err := d.runtime.ListContainers(d.ctx, &cri.ListContainersRequest{})
	if err == nil && (session.Generation != 2 || len(list.Containers) != 0) {
		err = fmt.Errorf("generation %d has %d containers", session.Generation, len(list.Containers))
	}
	return err
}
