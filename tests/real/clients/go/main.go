// A client of somebody who writes Go: code that was generated for one version of the CRI, and no
// more of Kubernetes. It takes a pod through its life, and prints what it has seen as JSON.
//
// Arguments: the endpoint of the runtime, and methods that it is said not to know.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const patience = 30 * time.Second

var seen = map[string]string{}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	connection, err := grpc.Dial(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	live(ctx, cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection))
	for _, method := range os.Args[2:] {
		seen[method] = refusal(ctx, connection, method)
	}
	must(json.NewEncoder(os.Stdout).Encode(seen))
}

func live(ctx context.Context, runtime cri.RuntimeServiceClient, images cri.ImageServiceClient) {
	version, err := runtime.Version(ctx, &cri.VersionRequest{})
	must(err)
	seen["version"] = version.RuntimeApiVersion
	state, err := runtime.Status(ctx, &cri.StatusRequest{Verbose: true})
	must(err)
	seen["ready"] = state.Status.Conditions[0].Type
	image := &cri.ImageSpec{Image: "busybox"}
	pulled, err := images.PullImage(ctx, &cri.PullImageRequest{Image: image})
	must(err)
	listed, err := images.ListImages(ctx, &cri.ListImagesRequest{})
	must(err)
	if len(listed.Images) == 0 || listed.Images[0].Id != pulled.ImageRef {
		log.Fatalf("these images are there: %v", listed.Images)
	}
	pod := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "web", Namespace: "default", Uid: "1"}}
	sandbox, err := runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: pod})
	must(err)
	container, err := runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId:  sandbox.PodSandboxId,
		SandboxConfig: pod,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "main"},
			Image:    image,
			Command:  []string{"sleep", "300"},
			Labels:   map[string]string{"made-by": "go"},
		},
	})
	must(err)
	id := container.ContainerId
	_, err = runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id})
	must(err)
	ran, err := runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"echo", "done"}})
	must(err)
	seen["said"] = strings.TrimSpace(string(ran.Stdout))
	seen["running"] = stateOf(ctx, runtime, id)
	_, err = runtime.ListContainerStats(ctx, &cri.ListContainerStatsRequest{})
	must(err)
	_, err = runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id})
	must(err)
	seen["stopped"] = stateOf(ctx, runtime, id)
	_, err = runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: sandbox.PodSandboxId})
	must(err)
	_, err = runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id})
	seen["removed"] = status.Code(err).String()
}

func stateOf(ctx context.Context, runtime cri.RuntimeServiceClient, id string) string {
	answer, err := runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id})
	must(err)
	return answer.Status.State.String()
}

// refusal says why a method is not there; the requests of all of them may be empty.
func refusal(ctx context.Context, connection *grpc.ClientConn, method string) string {
	err := connection.Invoke(ctx, method, &cri.VersionRequest{}, &cri.VersionResponse{})
	if status.Code(err) != codes.Unimplemented {
		log.Fatalf("%s: %v", method, err)
	}
	return status.Convert(err).Message()
}
