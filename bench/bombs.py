"""Requests made to stop the server: the longest stretch of the event loop and the memory each request takes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import orjson

from admin.commands.demo import prepare
from bench.options import Options
from bench.processes import Process, address_of, answers, configuration, environment, process, until
from bench.rows import Row
from engine.settings import from_environment

MAX_STRETCH_MS = 100
MAX_MB = 256
SPEC = "Organization"
NDJSON = {"Content-Type": "application/x-ndjson"}


class Target:
    """`antar up` with a ticking task, an API key of its clinic and a person who is logged in."""

    def __init__(self, address: str, server: Process, key: str, ticks: Path) -> None:
        self.address, self.server, self.key, self.ticks = address, server, key, ticks
        self.api = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=300)
        self.person = httpx.Client(base_url=address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=300)

    def log_in(self, user: str, password: str) -> float:
        started = time.perf_counter()
        answer = self.person.post("/login", data={"name": user, "password": password})
        assert answer.status_code == 303, answer.text
        return time.perf_counter() - started

    @contextmanager
    def watched(self) -> Iterator[dict[str, float]]:
        """Yield the longest stretch (ms), the growth in memory of all server processes (MB) and the seconds."""
        time.sleep(0.3)
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")
        self.restart()
        seen: dict[str, float] = {}
        before, started, done, peaks = self._memory("VmRSS"), time.perf_counter(), threading.Event(), [0.0]
        sampler = threading.Thread(target=self._sample, args=(done, peaks))
        sampler.start()
        yield seen
        seen["seconds"] = time.perf_counter() - started
        time.sleep(0.2)
        done.set()
        sampler.join()
        seen["mb"] = (max(self._memory("VmHWM"), peaks[0]) - before) / 1024
        seen["ms"], seen["cpu_ms"] = self._longest()

    def restart(self) -> None:
        self.server.send_signal(signal.SIGUSR2)
        time.sleep(0.2)

    def longest(self) -> float:
        """Return the longest stretch so far in milliseconds of processor time, and start measuring again."""
        time.sleep(0.05)
        _, stretch = self._longest()
        self.restart()
        return stretch

    def _longest(self) -> list[float]:
        return [float(figure) for figure in (self.ticks.read_text() or "0 0").split()]

    def _memory(self, name: str, pid: int | None = None) -> float:
        try:
            status = Path(f"/proc/{pid or self.server.pid}/status").read_text()
        except OSError:
            return 0
        match = re.search(rf"{name}:\s+(\d+)", status)
        return float(match[1]) if match else 0

    def _sample(self, done: threading.Event, peaks: list[float]) -> None:
        """Sample the memory of the server and its children; children come and go, so the sum is taken every 20 ms."""
        while not done.wait(0.02):
            try:
                children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
            except OSError:
                return
            if children:
                total = self._memory("VmRSS") + sum(self._memory("VmRSS", int(child)) for child in children)
                peaks[0] = max(peaks[0], total)


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    config = configuration(folder / "config")
    url = os.environ.get("ANTAR_BENCH_DATABASE_URL") or f"sqlite:///{folder / 'antar.sqlite3'}"
    environ = environment(config, url, "memory://", satusehat="http://127.0.0.1:9")
    access = asyncio.run(prepare(from_environment(environ)))
    ticks = folder / "ticks"
    with process(environ, "bench.ticking", "up", str(ticks)) as server:
        until(lambda: answers(f"{address_of(environ)}/health/ready") or server.poll() is not None)
        here = Target(address_of(environ), server, access.api_key, ticks)
        here.user, here.password = access.user, access.password  # type: ignore[attr-defined]
        here.log_in(access.user, access.password)
        yield here


def record(number: int, **more: object) -> dict[str, object]:
    return {"id": f"B{number}", "name": "Poli", "updated_at": "2026-01-05T08:00:00+07:00", **more}


def unfit(size: int) -> bytes:
    return b'{"x":[' + b",".join([b'{"a":1}'] * (size // 8)) + b"]}"


def workbook(strings: bytes, count: int) -> bytes:
    import openpyxl

    plain, out = BytesIO(), BytesIO()
    book = openpyxl.Workbook()
    book.worksheets[0].append(["code", "name"])
    book.worksheets[0].append(["A", "B"])
    book.save(plain)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part).replace(b"</Types>", override))
        head = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        new.writestr("xl/sharedStrings.xml", head + strings * count + b"</sst>")
    return out.getvalue()


def records(path: str, content: bytes, headers: dict[str, str] | None = None) -> Callable[[Target], str]:
    def send(here: Target) -> str:
        answer = here.api.post(path, content=content, headers=headers or {"Content-Type": "application/json"})
        return f"{answer.status_code}, answer {len(answer.content):,} bytes: {answer.text[:150]}"

    return send


def upload(content: bytes, times: int = 1, name: str = "a.xlsx") -> Callable[[Target], str]:
    def send(here: Target) -> str:
        def one() -> None:
            answer = here.person.post("/pemetaan/kfa/barang", files={"berkas": (name, content)})
            text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
            statuses.append(f"{answer.status_code} {answer.elapsed.total_seconds():.1f} s")
            notes.append(text)

        statuses: list[str] = []
        notes: list[str] = []
        threads = [threading.Thread(target=one) for _ in range(times)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        other = httpx.Client(base_url=here.address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=300)
        started = time.perf_counter()
        other.post("/login", data={"name": here.user, "password": here.password})  # type: ignore[attr-defined]
        login = time.perf_counter() - started
        for thread in threads:
            thread.join()
        words = re.search(r"(Berkas[^.]{0,200}\.|Buku kerja[^.]*\.|Tabel[^.]*\.)", notes[0])
        return (
            f"{len(content):,} bytes, {', '.join(statuses)}; login beside it {login:.2f} s; {words[0] if words else ''}"
        )

    return send


def half_requests(count: int) -> Callable[[Target], str]:
    def send(here: Target) -> str:
        port = int(here.address.rsplit(":", 1)[1])
        halves = [
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\nname=",
            b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nna",
        ]
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for n, connection in enumerate(connections):
            connection.sendall(halves[n % 3])
        started, alive = time.perf_counter(), answers(f"{here.address}/health/live")
        first = time.perf_counter() - started
        time.sleep(30)
        closed = 0
        for connection in connections:
            connection.setblocking(False)
            try:
                connection.recv(1000)
                closed += 1
            except BlockingIOError:
                pass
            except OSError:
                closed += 1
            connection.close()
        return f"{closed} of {count} thrown out in 30 s; /health/live meanwhile: {alive} in {first:.2f} s"

    return send


def pages(content: dict[str, object]) -> Callable[[Target], str]:
    """Open every view that the panel and the API have of one large record."""

    def send(here: Target) -> str:
        answer = here.api.post(f"/api/v1/records/{SPEC}", json=content)
        [result] = answer.json()["results"]
        address = f"/integrasi/satusehat/{SPEC}/{result['id']}"
        time.sleep(1)
        stretches = []
        here.restart()
        for name in ("ringkasan", "request", "response", "percobaan", "asal", "audit"):
            here.person.get(address, params={"tab": name})
            stretches.append(f"{name} {here.longest():.0f}")
        typed = {"body": orjson.dumps(content).decode()[:490_000], "seen": ""}
        here.person.get(f"{address}/ubah")
        stretches.append(f"ubah {here.longest():.0f}")
        here.person.post(f"{address}/ubah/periksa", data=typed)
        stretches.append(f"periksa {here.longest():.0f}")
        here.person.post(f"{address}/ubah", data={**typed, "reason": "x"})
        stretches.append(f"simpan {here.longest():.0f}")
        here.person.get(f"/integrasi/satusehat/{SPEC}")
        stretches.append(f"daftar {here.longest():.0f}")
        here.api.get(f"/api/v1/deliveries/{result['id']}", params={"bodies": "true"})
        stretches.append(f"API {here.longest():.0f}")
        return ", ".join(stretches) + " ms"

    return send


def bombs() -> Iterator[tuple[str, Callable[[Target], str]]]:
    path = f"/api/v1/records/{SPEC}"
    five, largest = 5 * 1024 * 1024 - 100, 1024 * 1024 - 400
    yield "one unfit record of 5 MB", records(path, unfit(five))
    yield "three of them as NDJSON", records(path, b"\n".join([unfit(five)] * 3), NDJSON)
    yield "unfit record of 390 kB", records(path, unfit(390_000))
    yield "NDJSON of 40 unfit records of 390 kB", records(path, b"\n".join([unfit(390_000)] * 40), NDJSON)
    yield "5 MB of names", records(path, b"{" + b",".join(b'"k%d":1' % n for n in range(400_000)) + b"}")
    yield "16 MB of []", records(path, b"[" + b"[]," * (16 * 1024 * 1024 // 3 - 2) + b"1]")
    yield "1 MB of commas in a text", records(path, orjson.dumps(record(1, website="," * largest)))
    yield "unfit value of 4 MB", records(path, orjson.dumps(record(1) | {"name": {"a": "x" * 4_000_000}}))
    yield "text of 5 MB", records(path, orjson.dumps(record(1, website="w" * (five - 200))))
    yield "text of 1 MB", records(path, orjson.dumps(record(1, website="w" * largest)))
    yield "digits of 1 MB", records(path, orjson.dumps(record(2, website="9" * largest)))
    many = [record(n, website="w" * 3000) for n in range(5000)]
    yield "batch of 5,000, 16 MB", records(path, orjson.dumps(many))
    yield "the same again", records(path, orjson.dumps(many))
    changed = [{**one, "website": "v" * 3000} for one in many]
    yield "the same changed, NDJSON", records(path, b"\n".join(map(orjson.dumps, changed)), NDJSON)
    bad = [{"id": 5, "website": ["w" * 3000]} for n in range(5000)]
    yield "5,000 unfit of 3 kB", records(path, orjson.dumps(bad))
    yield "workbook of 9 kB, 5 MB unpacked, 12 times", upload(workbook(b"<si/>", 1_000_000), 12)
    yield "workbook with 77 MB of <si/>", upload(workbook(b"<si/>", 77_000_000 // 5))
    lines = [f"K{n};Produk {n};{'x' * 100}" for n in range(9_900)]
    yield "CSV of 10,000 lines", upload("\n".join(["id;name;unit", *lines]).encode(), name="a.csv")
    wide = [";".join(f"{n}x{c}" for c in range(60)) for n in range(9_900)]
    yield "CSV of 10,000 x 60", upload("\n".join([";".join(f"c{c}" for c in range(60)), *wide]).encode(), name="a.csv")
    yield "pages of a record of 1 MB of text", pages(record(1, website="w" * largest))
    yield "pages of a record of 1 MB of digits", pages(record(1, website="9" * largest))
    yield "pages of a record of 1 MB of NIKs", pages(record(1, website="3171010101010001 " * (largest // 17)))
    yield "pages of a record of 100 kB", pages(record(1, website="3171010101010001 " * 5_800))
    yield "222 half requests", half_requests(222)


def measure(only: str) -> Iterator[tuple[str, dict[str, float], str]]:
    """Run each bomb on its own installation, so that memory left by one does not hide what the next one takes."""
    for name, send in bombs():
        if only in name:
            with TemporaryDirectory() as folder, target(Path(folder)) as here:
                with here.watched() as seen:
                    try:
                        note = send(here)
                    except httpx.HTTPError as error:
                        note = repr(error)
                yield name, seen, note


def rows(options: Options) -> Iterator[Row]:
    for name, seen, note in measure(""):
        memory = f"{seen['mb']:.0f} MB more memory (at most {MAX_MB}); {note[:80]}"
        yield Row(name, f"{MAX_STRETCH_MS} ms", seen["cpu_ms"] / MAX_STRETCH_MS, "<= 1", seen["cpu_ms"], "ms", memory)


if __name__ == "__main__":
    for name, seen, note in measure(sys.argv[1] if len(sys.argv) > 1 else ""):
        stretch = f"{seen['cpu_ms']:>6.0f} ms of CPU {seen['ms']:>6.0f} ms"
        print(f"{name:<40} {stretch} {seen['mb']:>6.0f} MB {seen['seconds']:>6.1f} s  {note[:240]}", flush=True)
