"""llama.cpp from the sdist of requirements.txt, built in the cache folder with the flags of this machine's CPU."""

import hashlib
import os
import re
import shutil
import sys

from common import HERE, output_of, peers_dir, say, show

REQUIREMENTS = HERE / "requirements.txt"
PROGRAMS = ["llama-bench", "llama-batched-bench", "llama-diffusion-cli", "llama-perplexity",
            "llama-quantize"]
FLAGS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_UI=OFF",
         "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_MTMD=OFF", "-DLLAMA_OPENSSL=OFF"]


def pinned():
    """Package, version and SHA-256, as requirements.txt has them."""
    text = REQUIREMENTS.read_text()
    return re.search(r"^([\w-]+)==([\d.]+)", text, re.M).groups() + (re.search(r"sha256:(\w{64})", text).group(1),)


def sdist():
    package, version, sha256 = pinned()
    folder = peers_dir() / "download"
    path = folder / f"{package.replace('-', '_')}-{version}.tar.gz"
    if not path.exists():
        # Not `--no-binary :all:`: that would build the build system (cmake, ninja) from source as well. pip asks the
        # package for its metadata, which compiles nothing.
        show([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package,
              "--require-hashes", "--requirement", REQUIREMENTS, "--dest", folder])
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise SystemExit(f"peers: {path} does not have the SHA-256 of {REQUIREMENTS.name}; remove it and try again")
    return path


class LlamaCppTree:
    """The unpacked tree and the build folder in it."""

    def __init__(self):
        package, version, _ = pinned()
        self.unpacked = peers_dir() / f"{package}-{version}"
        self.source = self.unpacked / "vendor" / "llama.cpp"
        # A submodule: its .git is a file that points here, and llama.cpp's build asks git for the commit.
        self.git = self.unpacked / ".git" / "modules" / "vendor" / "llama.cpp"
        self.build_dir = self.source / "build"
        self.bin = self.build_dir / "bin"

    def unpack(self):
        if self.unpacked.exists():
            return
        archive = sdist()
        say(f"unpacking {archive.name} into {self.unpacked}")
        part = self.unpacked.with_name(self.unpacked.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        top = archive.name.removesuffix(".tar.gz")
        show(["tar", "-xzf", archive, "-C", part, "--strip-components=1", "--no-same-owner",
              f"{top}/vendor/llama.cpp", f"{top}/.git/modules/vendor/llama.cpp"])
        part.rename(self.unpacked)

    def configure_command(self):
        return ["cmake", "-S", self.source, "-B", self.build_dir, "-G", "Ninja", *FLAGS]

    def build_command(self):
        return ["cmake", "--build", self.build_dir, "--parallel", os.cpu_count(), "--target", *PROGRAMS]

    def build(self):
        self.unpack()
        if all((self.bin / program).exists() for program in PROGRAMS):
            return
        say("building llama.cpp: minutes, on all cores")
        show(self.configure_command())
        show(self.build_command())

    def commit(self):
        return (self.git / "HEAD").read_text().strip()[:7]

    def describe(self):
        cache = (self.build_dir / "CMakeCache.txt").read_text()
        compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.M).group(1)
        return {"name": "llama.cpp", "commit": self.commit(), "flags": FLAGS,
                "compiler": output_of([compiler, "--version"]).splitlines()[0]}
