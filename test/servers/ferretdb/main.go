// A server of MongoDB's wire protocol over SQLite, for the tests: `ferretdb HOST:PORT FOLDER`.
//
// FerretDB 1 reads, decides and writes in separate steps, so two updates that come at once may both find what they look
// for. MongoDB writes a document in one step, and so must what stands in for it: commands go to FerretDB one by one.
package main

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// One command at a time.
var turn sync.Mutex

func main() {
	address, folder := os.Args[1], os.Args[2]
	socket := folder + "/ferretdb.sock"
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	front, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			client, err := front.Accept()
			if err != nil {
				return
			}
			go serve(client, socket)
		}
	}()
	running, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := server.Run(running); err != nil {
		log.Fatal(err)
	}
}

func serve(client net.Conn, socket string) {
	defer client.Close()
	behind, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer behind.Close()
	for {
		command, err := readMessage(client)
		if err != nil {
			return
		}
		answer, err := ask(behind, command)
		if err != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func ask(behind net.Conn, command []byte) ([]byte, error) {
	turn.Lock()
	defer turn.Unlock()
	if _, err := behind.Write(command); err != nil {
		return nil, err
	}
	return readMessage(behind)
}

// A message begins with its own length (MongoDB wire protocol, "Standard Message Header").
func readMessage(from io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < 16 || size > 64<<20 {
		return nil, io.ErrUnexpectedEOF
	}
	message := append(header, make([]byte, size-4)...)
	_, err := io.ReadFull(from, message[4:])
	return message, err
}
