# Sourced by the scripts of this directory: the checkout as working directory, and fresh environments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
base_path=$PATH

fresh() { # create a virtual environment and put it first on PATH
  python3 -m venv "$work/$1"
  export PATH="$work/$1/bin:$base_path" VIRTUAL_ENV="$work/$1"
}
