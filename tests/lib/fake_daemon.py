"""fake_daemon: a firegwd that says what it is told to, on a control socket (docs/control-protocol.md)."""
import json
import os
import socket
import threading


class Fail(Exception):
    """Raised by an answer: ends the request with this code and text."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


class Raw(bytes):
    """Yielded by an answer: these bytes go out as they are."""


class Close(Exception):
    """Raised by an answer: the connection is closed without an end."""


class FakeDaemon:
    """`answers`: by verb, a function of args that gives the end's result, or a generator whose yields are rows and whose return value is the result.
    `asked` holds what came. Use it in a `with`."""

    def __init__(self, path, answers):
        self.path = path
        self.answers = dict(answers)
        self.answers.setdefault("version", lambda args: {"version": "9.9", "pid": 42, "gateway": "qj-wenlong-01", "name": "文龙大厦",
                                                         "timezone": "Asia/Shanghai", "now": 1795485600123})
        self.asked = []
        self.gone = threading.Event()  # some peer went away while its request was at work
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self):
        self.server.bind(self.path)
        os.chmod(self.path, 0o660)
        self.server.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _accept(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rb") as lines:
            try:
                for line in lines:
                    request = json.loads(line)
                    self.asked.append((request["verb"], request.get("args", {})))
                    self._answer(peer, request)
            except Close:
                pass
            except (BrokenPipeError, ConnectionResetError):
                self.gone.set()

    def _answer(self, peer, request):
        def send(obj):
            peer.sendall(obj if isinstance(obj, Raw) else (json.dumps(obj, ensure_ascii=False) + "\n").encode())

        answer = self.answers.get(request["verb"])
        if answer is None:
            send({"end": True, "ok": False, "code": "unsupported", "error": "no such verb"})
            return
        try:
            result = answer(request.get("args", {}))
            if hasattr(result, "__next__"):
                rows = result
                while True:
                    try:
                        row = next(rows)
                    except StopIteration as stop:
                        result = stop.value
                        break
                    send(row if isinstance(row, Raw) else {"row": row})
            end = {"end": True, "ok": True}
            if result is not None:
                end["result"] = result
            send(end)
        except Fail as fail:
            send({"end": True, "ok": False, "code": fail.code, "error": fail.text})
