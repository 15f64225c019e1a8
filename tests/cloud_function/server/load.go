package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	pause        = 20 * time.Millisecond
	timeout      = 20 * time.Second
	mostFailures = 20
)

// Counts are of one way to connect; times in milliseconds.
type Counts struct {
	Answered int            `json:"answered"`
	Failed   int            `json:"failed"`
	Failures []string       `json:"failures"`
	Versions map[string]int `json:"versions"`
	P50      float64        `json:"p50_ms"`
	P99      float64        `json:"p99_ms"`
	Longest  float64        `json:"longest_ms"`

	lock  sync.Mutex
	taken []time.Duration
}

// load ADDRESS PORT: asks ADDRESS for /predict until somebody asks PORT for /report.
func load(words []string) {
	address, port := words[0], words[1]
	ways := map[string]*Counts{}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for _, way := range []string{"new", "kept"} {
		counts := &Counts{Failures: []string{}, Versions: map[string]int{}}
		ways[way] = counts
		for range 2 {
			clients.Add(1)
			go func() {
				defer clients.Done()
				counts.ask(address, way == "kept", over)
			}()
		}
	}
	var once sync.Once
	http.HandleFunc("/counted", func(write http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(write, ways["new"].answers()+ways["kept"].answers())
	})
	http.HandleFunc("/report", func(write http.ResponseWriter, _ *http.Request) {
		once.Do(func() {
			close(over)
			clients.Wait()
			for _, counts := range ways {
				counts.sum()
			}
		})
		json.NewEncoder(write).Encode(ways)
	})
	fmt.Println(http.ListenAndServe(":"+port, nil))
	os.Exit(1)
}

// The requests are written by hand: Go's own client sends again, unasked, what a server has dropped.
func (counts *Counts) ask(address string, keeps bool, over chan struct{}) {
	var connection net.Conn
	var reader *bufio.Reader
	for {
		select {
		case <-over:
			return
		case <-time.After(pause):
		}
		began := time.Now()
		var err error
		if connection == nil {
			if connection, err = net.DialTimeout("tcp", address, timeout); err == nil {
				reader = bufio.NewReader(connection)
			}
		}
		closes := true
		if err == nil {
			closes, err = counts.exchange(connection, reader, address, keeps)
		}
		counts.note(time.Since(began), err)
		if connection != nil && (closes || !keeps) {
			connection.Close()
			connection = nil
		}
	}
}

func (counts *Counts) exchange(
	connection net.Conn, reader *bufio.Reader, address string, keeps bool,
) (closes bool, err error) {
	wish := "keep-alive"
	if !keeps {
		wish = "close"
	}
	connection.SetDeadline(time.Now().Add(timeout))
	request := "GET /predict HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n"
	if _, err := fmt.Fprintf(connection, request, address, wish); err != nil {
		return true, fmt.Errorf("writing: %w", err)
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return true, fmt.Errorf("reading: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return true, fmt.Errorf("reading the body: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return answer.Close, fmt.Errorf("status %d", answer.StatusCode)
	}
	counts.lock.Lock()
	defer counts.lock.Unlock()
	counts.Versions[strings.TrimSpace(string(body))]++
	return answer.Close, nil
}

func (counts *Counts) note(took time.Duration, err error) {
	counts.lock.Lock()
	defer counts.lock.Unlock()
	if err == nil {
		counts.Answered++
		counts.taken = append(counts.taken, took)
		return
	}
	counts.Failed++
	if len(counts.Failures) < mostFailures {
		moment := time.Now().UTC().Format("15:04:05.000")
		counts.Failures = append(counts.Failures, fmt.Sprintf("%s after %s: %v", moment, took, err))
	}
}

func (counts *Counts) answers() int {
	counts.lock.Lock()
	defer counts.lock.Unlock()
	return counts.Answered
}

func (counts *Counts) sum() {
	slices.Sort(counts.taken)
	at := func(share float64) float64 {
		if len(counts.taken) == 0 {
			return 0
		}
		place := int(share * float64(len(counts.taken)-1))
		return float64(counts.taken[place].Microseconds()) / 1000
	}
	counts.P50, counts.P99, counts.Longest = at(0.5), at(0.99), at(1)
}
