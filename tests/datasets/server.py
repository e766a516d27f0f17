"""A server on the loopback that behaves well or badly by the first part of the path; prints its port, then serves.

/good/F            the file, ranges too          /norange/F         the file, ranges are ignored
/flaky/F           breaks off in the middle of the first two answers to a client that has less than all
/truncate/F        always breaks off             /stall/F           sends half, then nothing
/wrong/F           other bytes of the same size  /busy/F            status 503 once, then the file
/missing/F         status 404                    /moved/F           redirects to /good/F

The file "data.bin" is made up: byte i is (31 i + 7) mod 256, 300000 of them. Others come from the folder of the first argument.
The second argument names a file that gets one line for each request: path, range, status.
"""
import http.server
import os
import sys
import threading
import time

FOLDER, LOG = sys.argv[1], sys.argv[2]
MADE_UP = bytes((31 * i + 7) % 256 for i in range(300000))
seen = {}
lock = threading.Lock()


def contents(name):
    if name == "data.bin":
        return MADE_UP
    path = os.path.join(FOLDER, os.path.basename(name))
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as f:
        return f.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, status):
        with lock, open(LOG, "a", encoding="utf-8") as f:
            f.write(f"{self.path} {self.headers.get('Range', '-')} {status}\n")

    def plain(self, status, headers=()):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        how, _, name = self.path.lstrip("/").partition("/")
        data = contents(name)
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            count = seen[self.path]
        if data is None or how == "missing":
            return self.plain(404)
        if how == "busy" and count == 1:
            return self.plain(503)
        if how == "moved":
            return self.plain(302, [("Location", "/good/" + name)])
        if how == "wrong":
            data = bytes(b ^ 1 for b in data)
        begin = 0
        wanted = self.headers.get("Range")
        if wanted and how != "norange":
            begin = int(wanted.split("=")[1].split("-")[0])
            if begin >= len(data):
                return self.plain(416)
        self.note(206 if begin else 200)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        body = data[begin:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        short = how in ("truncate", "stall") or (how == "flaky" and count <= 2)
        self.wfile.write(body[: len(body) // 2] if short else body)
        if how == "stall":
            self.wfile.flush()
            time.sleep(20)
        if short:
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that leaves early is what some tests are about


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
# The test ends by closing our input.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
