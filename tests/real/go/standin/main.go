// What stands for the programs of images that cannot be had without a network: it is what it is
// called as, nginx, httpd-foreground or nnp, as far as a conformance test can tell.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	title = "nginx: master process nginx -g daemon off;"
	port  = "/etc/port" // the file that says where to listen, if not at 80
)

func main() {
	switch name := filepath.Base(os.Args[0]); {
	case name == "nnp":
		fmt.Printf("Effective uid: %d\n", os.Geteuid())
	case name == "nginx":
		pid := fmt.Sprintf("%d\n", os.Getpid())
		if err := os.WriteFile("/var/run/nginx.pid", []byte(pid), 0o644); err != nil {
			log.Fatal(err)
		}
		log.Fatal(syscall.Exec("/usr/sbin/nginx", []string{title}, os.Environ()))
	case name == title:
		serve()
	case name == "httpd-foreground":
		fmt.Fprintln(os.Stderr, "AH00094: Command line: 'httpd -D FOREGROUND'")
		serve()
	default:
		log.Fatalf("nothing is called %q", name)
	}
}

func serve() {
	where := "80"
	if told, err := os.ReadFile(port); err == nil {
		where = strings.TrimSpace(string(told))
	}
	log.Fatal(http.ListenAndServe(":"+where, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
}
