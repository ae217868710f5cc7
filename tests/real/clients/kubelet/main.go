// A client of somebody who uses the kubelet's own: k8s.io/cri-client, which asks for streamed lists
// first and does without them where there are none.
//
// Argument: the endpoint of the runtime. It prints what it has seen as JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	api "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

const patience = 30 * time.Second

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	seen := map[string]string{}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	runtime, err := remote.NewRemoteRuntimeService(ctx, os.Args[1], patience, nil, true)
	must(err)
	images, err := remote.NewRemoteImageService(ctx, os.Args[1], patience, nil, true)
	must(err)
	image := &cri.ImageSpec{Image: "busybox"}
	_, err = images.PullImage(ctx, image, nil, nil)
	must(err)
	listed, err := images.ListImages(ctx, nil)
	must(err)
	seen["images"] = strconv.Itoa(len(listed))
	pod := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "web", Namespace: "default", Uid: "1"}}
	sandbox, err := runtime.RunPodSandbox(ctx, pod, "")
	must(err)
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "main"},
		Image:    image,
		Command:  []string{"sleep", "300"},
	}
	id, err := runtime.CreateContainer(ctx, sandbox, config, pod)
	must(err)
	must(runtime.StartContainer(ctx, id))
	said, _, err := runtime.ExecSync(ctx, id, []string{"echo", "done"}, patience)
	must(err)
	seen["said"] = strings.TrimSpace(string(said))
	for _, name := range []string{"containers", "containers again"} {
		containers, err := runtime.ListContainers(ctx, nil)
		must(err)
		seen[name] = strconv.Itoa(len(containers))
	}
	pods, err := runtime.ListPodSandbox(ctx, nil)
	must(err)
	seen["pods"] = strconv.Itoa(len(pods))
	_, err = runtime.RuntimeConfig(ctx)
	seen["RuntimeConfig"] = status.Code(err).String()
	seen["events"] = eventsOf(ctx, runtime)
	must(runtime.StopContainer(ctx, id, 1))
	must(runtime.StopPodSandbox(ctx, sandbox))
	must(runtime.RemovePodSandbox(ctx, sandbox))
	_, err = runtime.ContainerStatus(ctx, id, false)
	if status.Code(err) != codes.NotFound {
		log.Fatal(err)
	}
	must(json.NewEncoder(os.Stdout).Encode(seen))
}

// eventsOf says of the stream of events that there is one, or why not.
func eventsOf(ctx context.Context, runtime api.RuntimeService) string {
	events, failures := make(chan *cri.ContainerEventResponse, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { failures <- runtime.GetContainerEvents(ctx, events, nil) }()
	select {
	case <-events:
		return "told"
	case err := <-failures:
		return status.Code(err).String()
	}
}
