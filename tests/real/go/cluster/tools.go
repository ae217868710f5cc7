//go:build tools

// Package cluster names the programs that are built of this module's dependencies, for `go mod tidy`.
package cluster

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
