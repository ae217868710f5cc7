// A plugin of NRI as others write them, on the stub of containerd/nri.
//
// What it is told of is a line of JSON on stdout each. A hook may fail, hang, or kill the plugin;
// new containers may get a variable, an annotation and a mount. Lines on stdin are orders: "update
// ID SHARES" asks for an update of a container, "stop" leaves; so does the end of stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/stub"
	"github.com/containerd/ttrpc"
)

type line map[string]any

var output sync.Mutex

func tell(what string, facts line) {
	output.Lock()
	defer output.Unlock()
	facts["what"] = what
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}

type plugin struct {
	fail, hang, die string
	span            time.Duration
	env, note       string
	mount           string
}

// Tells of a hook, and does what it is to do.
func (p *plugin) called(hook string, pod *api.PodSandbox, container *api.Container) error {
	facts := line{"pod": pod.GetId()}
	if container != nil {
		facts["container"] = container.GetId()
		facts["name"] = container.GetName()
		facts["env"] = container.GetEnv()
	}
	tell(hook, facts)
	switch hook {
	case p.die:
		os.Exit(3)
	case p.hang:
		time.Sleep(p.span)
	case p.fail:
		return errors.New("no, says the plugin")
	}
	return nil
}

func (p *plugin) Configure(_ context.Context, config, runtime, version string) (api.EventMask, error) {
	tell("Configure", line{"config": config, "runtime": runtime, "version": version})
	return 0, nil
}

func (p *plugin) Synchronize(_ context.Context, pods []*api.PodSandbox, containers []*api.Container) ([]*api.ContainerUpdate, error) {
	ids := func() (found []string) {
		for _, each := range containers {
			found = append(found, each.GetId())
		}
		return
	}()
	tell("Synchronize", line{"pods": len(pods), "containers": ids})
	if p.hang == "Synchronize" {
		time.Sleep(p.span)
	}
	return nil, nil
}

func (p *plugin) RunPodSandbox(_ context.Context, pod *api.PodSandbox) error {
	return p.called("RunPodSandbox", pod, nil)
}

func (p *plugin) StopPodSandbox(_ context.Context, pod *api.PodSandbox) error {
	return p.called("StopPodSandbox", pod, nil)
}

func (p *plugin) RemovePodSandbox(_ context.Context, pod *api.PodSandbox) error {
	return p.called("RemovePodSandbox", pod, nil)
}

func (p *plugin) CreateContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) (*api.ContainerAdjustment, []*api.ContainerUpdate, error) {
	if err := p.called("CreateContainer", pod, container); err != nil {
		return nil, nil, err
	}
	adjust := &api.ContainerAdjustment{}
	if name, value, ok := strings.Cut(p.env, "="); ok {
		adjust.AddEnv(name, value)
	}
	if name, value, ok := strings.Cut(p.note, "="); ok {
		adjust.AddAnnotation(name, value)
	}
	if source, destination, ok := strings.Cut(p.mount, ":"); ok {
		adjust.AddMount(&api.Mount{Source: source, Destination: destination, Type: "bind", Options: []string{"bind", "ro"}})
	}
	return adjust, nil, nil
}

func (p *plugin) PostCreateContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) error {
	return p.called("PostCreateContainer", pod, container)
}

func (p *plugin) StartContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) error {
	return p.called("StartContainer", pod, container)
}

func (p *plugin) PostStartContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) error {
	return p.called("PostStartContainer", pod, container)
}

func (p *plugin) UpdateContainer(_ context.Context, pod *api.PodSandbox, container *api.Container, _ *api.LinuxResources) ([]*api.ContainerUpdate, error) {
	return nil, p.called("UpdateContainer", pod, container)
}

func (p *plugin) StopContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) ([]*api.ContainerUpdate, error) {
	return nil, p.called("StopContainer", pod, container)
}

func (p *plugin) RemoveContainer(_ context.Context, pod *api.PodSandbox, container *api.Container) error {
	return p.called("RemoveContainer", pod, container)
}

// Asks for more CPU, and tells which updates failed.
func update(s stub.Stub, id, shares string) {
	count, err := strconv.ParseUint(shares, 10, 64)
	if err != nil {
		panic(err)
	}
	wanted := &api.ContainerUpdate{}
	wanted.SetContainerId(id)
	wanted.SetLinuxCPUShares(count)
	failed, err := s.UpdateContainers([]*api.ContainerUpdate{wanted})
	facts := line{"failed": len(failed)}
	if err != nil {
		facts["error"] = err.Error()
	}
	tell("updated", facts)
}

func obey(s stub.Stub) {
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		words := strings.Fields(orders.Text())
		switch {
		case len(words) == 3 && words[0] == "update":
			update(s, words[1], words[2])
		case len(words) == 1 && words[0] == "stop":
			s.Stop()
			return
		default:
			panic("no order: " + orders.Text())
		}
	}
	s.Stop()
}

func main() {
	p := &plugin{}
	socket := flag.String("socket", "", "the socket of NRI")
	name := flag.String("name", "go", "the name of the plugin")
	index := flag.String("index", "00", "its index")
	flag.StringVar(&p.fail, "fail", "", "a hook that fails")
	flag.StringVar(&p.hang, "hang", "", "a hook that hangs")
	flag.DurationVar(&p.span, "span", time.Minute, "how long it hangs")
	flag.StringVar(&p.die, "die", "", "a hook that ends the plugin")
	flag.StringVar(&p.env, "env", "", "NAME=VALUE for new containers")
	flag.StringVar(&p.note, "annotation", "", "KEY=VALUE for new containers")
	flag.StringVar(&p.mount, "mount", "", "SOURCE:DESTINATION for new containers")
	flag.Parse()
	closed := make(chan struct{})
	s, err := stub.New(p,
		stub.WithSocketPath(*socket),
		stub.WithPluginName(*name),
		stub.WithPluginIdx(*index),
		stub.WithOnClose(func() { tell("closed", line{}); close(closed) }),
	)
	if err == nil {
		go obey(s)
		if err = s.Run(context.Background()); errors.Is(err, ttrpc.ErrServerClosed) {
			<-closed
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
