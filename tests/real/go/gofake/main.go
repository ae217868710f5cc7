// The fake runtime of k8s.io/cri-api, behind the endpoint that k8s.io/cri-client has for it.
//
// Argument: the endpoint to listen on. It says `ready`, and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/cri-client/pkg/fake"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: gofake ENDPOINT")
	}
	runtime := fake.NewFakeRemoteRuntime()
	if err := runtime.Start(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.Stop()
}
