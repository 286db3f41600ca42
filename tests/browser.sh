#!/bin/sh
# A Chromium for the tests marked `browser`: prints where it is, gets it from the system's packages if there is none and we may.
# Ends with 1, saying why, when there is none: `make test` then skips those tests; with CI set they fail instead.
set -u

found() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -n "$name" ] && command -v "$name" 2>/dev/null && return 0
    done
    return 1
}

found && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "没有 Chromium，本机也没有 apt-get：请安装 Chromium，或设置 CHROMIUM / no Chromium and no apt-get: install one, or set CHROMIUM" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    if ! $as_root true 2>/dev/null; then
        echo "没有 Chromium，也没有 root 权限：sudo apt-get install chromium / no Chromium, and not root: sudo apt-get install chromium" >&2
        exit 1
    fi
fi
export DEBIAN_FRONTEND=noninteractive
# Package lists may be missing on a fresh machine, and old ones name files that are gone.
{ $as_root apt-get install -y -qq --no-install-recommends chromium ||
  { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends chromium; }; } >/dev/null 2>&1
found && exit 0
echo "apt-get 没有装上 Chromium / apt-get could not install Chromium" >&2
exit 1
