//go:build tools

// Package kubelet names the program that is built of this module's dependencies, for `go mod tidy`.
package kubelet

import _ "k8s.io/kubernetes/cmd/kubelet"
