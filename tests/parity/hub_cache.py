"""`pent pull` and huggingface_hub share a cache: each finds offline what the other fetched, and leaves it alone.

    python tests/parity/hub_cache.py build/release/pent

Both fetch from a hub of our own on this machine (Python's http.server), so no network is needed. Exits 1 and says what differs.
"""

import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

COMMIT = "c" * 40
REPO = "org/name"
FILES = {
    "config.json": (b'{"model_type": "llada"}', False),
    "tokenizer.json": (b"{}", False),
    "additional_chat_templates/tool use.jinja": (b"{{ messages }}", False),
    "model.safetensors": (bytes(range(256)) * 4000, True),
}


def blob_hash(content, large):
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    requests = []

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        Hub.requests.append((self.command, self.path))
        path = self.path.split("?")[0]
        if path == f"/api/models/{REPO}/revision/main":
            siblings = [{"rfilename": name} for name in FILES]
            return self.send(200, json.dumps({"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": siblings,
                                              "private": False, "tags": [], "downloads": 0}).encode())
        if path.startswith(f"/api/models/{REPO}/tree/"):
            entries = []
            for name, (content, large) in FILES.items():
                entry = {"type": "file", "path": name, "size": len(content), "oid": blob_hash(content, False)}
                if large:
                    entry["lfs"] = {"oid": blob_hash(content, True), "size": len(content), "pointerSize": 134}
                entries.append(entry)
            return self.send(200, json.dumps(entries).encode())
        for revision in ("main", COMMIT):
            prefix = f"/{REPO}/resolve/{revision}/"
            name = path[len(prefix):].replace("%20", " ")
            if path.startswith(prefix) and name in FILES:
                content, large = FILES[name]
                digest = blob_hash(content, large)
                if large and "storage" not in self.path:
                    return self.send(302, X_Repo_Commit=COMMIT, X_Linked_Etag=f'"{digest}"', X_Linked_Size=str(len(content)),
                                     Location=f"http://127.0.0.1:{self.server.server_port}{path}?storage=1")
                return self.send(200, content, X_Repo_Commit=COMMIT, ETag=f'"{digest}"')
        return self.send(404, X_Error_Code="EntryNotFound")

    do_HEAD = do_GET


def tree(folder):
    """Path -> link target or content, of what both must agree on (locks and markers of a client are its own)."""
    found = {}
    for path in sorted(pathlib.Path(folder, "models--org--name").rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file() and ("/blobs/" in name or "/refs/" in name):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main(pent):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        environment = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint, "no_proxy": "127.0.0.1", "HF_HOME": ours}

        def pull(cache, **more):
            return subprocess.run([pent, "pull", REPO], env={**environment, "HF_HUB_CACHE": cache, **more}, check=True,
                                  capture_output=True, text=True).stdout.strip()

        path = pull(ours)
        os.environ.update(environment, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1",
                          HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_SHARED_BLOBS="1")
        import huggingface_hub as hub

        for name, (content, _) in FILES.items():
            found = hub.try_to_load_from_cache(REPO, name, cache_dir=ours)
            assert isinstance(found, str) and pathlib.Path(found).read_bytes() == content, (name, found)
        assert hub.snapshot_download(REPO, cache_dir=ours, local_files_only=True) == path, path
        [scanned] = hub.scan_cache_dir(ours).repos
        assert scanned.repo_id == REPO and not hub.scan_cache_dir(ours).warnings, scanned

        their_path = hub.snapshot_download(REPO, cache_dir=theirs, endpoint=endpoint)
        assert pull(theirs, HF_HUB_OFFLINE="1") == their_path
        assert tree(ours) == tree(theirs), (tree(ours), tree(theirs))

        Hub.requests.clear()
        pull(theirs)
        hub.snapshot_download(REPO, cache_dir=ours, endpoint=endpoint)
        again = [path for method, path in Hub.requests if method == "GET" and "/resolve/" in path]
        assert not again, again
        print(f"huggingface_hub {hub.__version__}: {len(tree(ours))} entries alike, found both ways, nothing fetched twice")


if __name__ == "__main__":
    main(sys.argv[1])
