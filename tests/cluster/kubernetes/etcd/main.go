// Command etcd serves one etcd member for a test cluster. It is built from
// the same module graph as the API server, so that both speak the same version.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
