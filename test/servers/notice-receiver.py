"""Listens at a Unix datagram socket, as systemd does for sd_notify(3), and prints each word that comes."""
import socket
import sys

listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listening.bind(sys.argv[1])
print("listening", flush=True)
while True:
    for word in listening.recv(65536).decode().splitlines():
        print(word, flush=True)
