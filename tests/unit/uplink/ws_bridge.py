#!/usr/bin/env python3
"""WebSocket to TCP: ws_bridge.py LISTEN_PORT TARGET_PORT [together]. Back goes one MQTT packet a frame, as mosquitto does it, or `together`: two
in one frame if the second comes within half a second, as the standard allows."""
import base64
import hashlib
import select
import socket
import sys
import threading


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def handshake(sock):
    request = b""
    while b"\r\n\r\n" not in request:
        piece = sock.recv(4096)
        if not piece:
            raise EOFError
        request += piece
    headers = dict(line.split(": ", 1) for line in request.decode().split("\r\n")[1:] if ": " in line)
    headers = {name.lower(): value for name, value in headers.items()}
    accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    sock.sendall((f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                  "Sec-WebSocket-Protocol: mqtt\r\n\r\n").encode())


def to_target(sock, target):
    while True:
        head = read_exactly(sock, 2)
        opcode, size = head[0] & 0x0F, head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(read_exactly(sock, 2), "big")
        elif size == 127:
            size = int.from_bytes(read_exactly(sock, 8), "big")
        mask = read_exactly(sock, 4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(read_exactly(sock, size)))
        if opcode == 8:
            raise EOFError
        if opcode in (0, 1, 2):
            target.sendall(data)


def read_packet(target):
    """One MQTT packet: type, length in one to four bytes of seven bits, and the rest."""
    data = read_exactly(target, 1)
    size, shift = 0, 0
    while True:
        byte = read_exactly(target, 1)
        data += byte
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return data + read_exactly(target, size)


def from_target(sock, target):
    try:
        while True:
            data = read_packet(target)
            if together and select.select([target], [], [], 0.5)[0]:
                data += read_packet(target)
            size = len(data)
            head = bytes([0x82, size]) if size < 126 else bytes([0x82, 126]) + size.to_bytes(2, "big")
            sock.sendall(head + data)
    except (EOFError, OSError):
        sock.close()


def serve(sock, target_port):
    try:
        handshake(sock)
        target = socket.create_connection(("127.0.0.1", target_port))
        threading.Thread(target=from_target, args=(sock, target), daemon=True).start()
        try:
            to_target(sock, target)
        finally:
            target.shutdown(socket.SHUT_RDWR)
    except (EOFError, OSError):
        sock.close()


together = sys.argv[3:] == ["together"]
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], int(sys.argv[2])), daemon=True).start()
