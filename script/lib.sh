# Sourced by the other scripts: the repository root becomes the working directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# How many compilers at once: the cores, but no more than one for every 2 GB of memory (a file that
# includes LibTorch takes about that).
jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(awk '/^MemTotal/ {print int($2 / 2e6)}' /proc/meminfo)
  echo $((memory_gb < 1 ? 1 : memory_gb < cores ? memory_gb : cores))
}

# build PRESET [TARGET …]: configures and builds; a second call does only what has changed.
build() {
  local preset=$1
  shift
  say "build/$preset"
  cmake --preset "$preset" >&2
  cmake --build "build/$preset" --parallel "$(jobs)" ${1:+--target "$@"} >&2
}
