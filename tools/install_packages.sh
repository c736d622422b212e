#!/bin/sh
# Installs the Debian packages that a group of targets needs; does nothing when they are all there.
# Usage: tools/install_packages.sh build|check|fuzz ...
set -eu

packages=""
for group in "$@"; do
  case "$group" in
    build) packages="$packages g++ cmake ninja-build pkg-config ccache mold libfmt-dev libspdlog-dev libcli11-dev libsimdjson-dev libssl-dev libsqlite3-dev libtomlplusplus-dev libboost1.81-dev" ;;
    test) packages="$packages libgtest-dev zlib1g-dev git python3 openssl" ;;
    check) packages="$packages clang-format-19 clang-tidy-19 clang-19" ;;
    fuzz) packages="$packages clang-19 libclang-rt-19-dev llvm-19" ;;
    bench) packages="$packages libbenchmark-dev libgtest-dev zlib1g-dev" ;;
    web) packages="$packages chromium" ;;
    peers) packages="$packages python3 python3-venv" ;;
    *) echo "install_packages.sh: unknown group '$group'" >&2; exit 2 ;;
  esac
done

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing" >&2
as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "these packages are missing; install them as root:$missing" >&2; exit 1; }
  as_root="sudo"
fi
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
