// What rollouts are shown with: a server that is as good or as bad as its environment says, or a
// program that ends (ONCE), and, as `server load`, clients that count each request that is lost.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// As long after SIGTERM each answer closes its connection, so that clients that keep theirs move on.
const drain = 3 * time.Second

// What `server release` leaves for a server that is HELD: from then on it is ready.
const released = "/tmp/released"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		load(os.Args[2:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "release" {
		if err := os.WriteFile(released, nil, 0o600); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if words := os.Getenv("CRASH"); words != "" {
		fmt.Println(words)
		os.Exit(3)
	}
	if os.Getenv("ONCE") != "" {
		fmt.Println("version", os.Getenv("VERSION"))
		return
	}
	serve()
}

func serve() {
	var isStopping atomic.Bool
	version := os.Getenv("VERSION")
	answer := func(write http.ResponseWriter, status int, words string) {
		if isStopping.Load() {
			write.Header().Set("Connection", "close")
		}
		write.WriteHeader(status)
		fmt.Fprintln(write, words)
	}
	http.HandleFunc("/readyz", func(write http.ResponseWriter, _ *http.Request) {
		switch {
		case os.Getenv("UNREADY") != "":
			answer(write, http.StatusServiceUnavailable, "goldens differ")
		case isHeld():
			answer(write, http.StatusServiceUnavailable, "held")
		case isStopping.Load():
			answer(write, http.StatusServiceUnavailable, "stopping")
		default:
			answer(write, http.StatusOK, "ready")
		}
	})
	http.HandleFunc("/healthz", func(write http.ResponseWriter, _ *http.Request) {
		answer(write, http.StatusOK, "alive")
	})
	http.HandleFunc("/predict", func(write http.ResponseWriter, _ *http.Request) {
		answer(write, http.StatusOK, version)
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	ended := make(chan error)
	go func() {
		<-told
		isStopping.Store(true)
		time.Sleep(drain)
		ended <- server.Shutdown(context.Background())
	}()
	fmt.Println("version", version)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Println(err)
		os.Exit(1)
	}
	<-ended
}

func isHeld() bool {
	_, err := os.Stat(released)
	return os.Getenv("HELD") != "" && err != nil
}
