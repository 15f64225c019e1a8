// A server that is as good or as bad as its environment says: what rollouts are tested with.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if words := os.Getenv("CRASH"); words != "" {
		fmt.Println(words)
		os.Exit(3)
	}
	http.HandleFunc("/readyz", func(answer http.ResponseWriter, _ *http.Request) {
		if os.Getenv("UNREADY") != "" {
			http.Error(answer, "goldens differ", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, os.Getenv("VERSION"))
	})
	fmt.Println("version", os.Getenv("VERSION"))
	fmt.Println(http.ListenAndServe(":8080", nil))
}
