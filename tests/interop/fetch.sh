#!/bin/sh
# Other people's Avro for tests/interop: Debian's avro-bin (in C; AVROCAT names another avrocat) and npm's avsc (in JavaScript, needs node).
# Ends with 1, saying why, when one is missing: `make test` then skips its tests; with CI set they fail instead.
set -u
cd "$(dirname "$0")/../.."
missing=0

say() { echo "$1" >&2; missing=1; }

get_avrocat() {
    command -v "${AVROCAT:-avrocat}" >/dev/null 2>&1 && return
    if ! command -v apt-get >/dev/null 2>&1; then
        say "没有 avrocat，本机也没有 apt-get：请安装 avro-bin，或设置 AVROCAT / no avrocat and no apt-get: install avro-bin, or set AVROCAT"
        return
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root="sudo -n"
        if ! $as_root true 2>/dev/null; then
            say "没有 avrocat，也没有 root 权限：sudo apt-get install avro-bin / no avrocat, and not root: sudo apt-get install avro-bin"
            return
        fi
    fi
    export DEBIAN_FRONTEND=noninteractive
    # Package lists may be missing on a fresh machine, and old ones name files that are gone.
    { $as_root apt-get install -y -qq --no-install-recommends avro-bin ||
      { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends avro-bin; }; } >/dev/null 2>&1
    command -v avrocat >/dev/null 2>&1 || say "apt-get 没有装上 avro-bin / apt-get could not install avro-bin"
}

VERSION=5.7.9
SHA512=c8e038c05788ec44f7bf7d838bfb14c9b43eb6d3f6d091d25b79b12ee34678ed2e0fa3cf72f2eb2105d2bf2feb84939653926b621ed4e0e1e9956326b40b6332
AVSC=.interop/avsc-$VERSION

get_avsc() {
    if ! command -v node >/dev/null 2>&1; then
        say "没有 node：请安装 Node.js / no node: install Node.js"
        return
    fi
    [ -f "$AVSC/package/lib/index.js" ] && return
    if ! command -v npm >/dev/null 2>&1; then
        say "没有 npm：请安装 npm / no npm: install npm"
        return
    fi
    new=.interop/new.$$
    mkdir -p "$new"
    if ! npm pack --silent "avsc@$VERSION" --pack-destination "$new" >/dev/null 2>&1; then
        say "npm 取不到 avsc $VERSION / npm could not fetch avsc $VERSION"
    elif ! echo "$SHA512  $new/avsc-$VERSION.tgz" | sha512sum --check --status; then
        say "avsc $VERSION 的校验和不符 / avsc $VERSION is not the file that was pinned"
    else
        # Moved into place whole: two runs at once cannot see half of it.
        tar -xzf "$new/avsc-$VERSION.tgz" -C "$new" && rm "$new/avsc-$VERSION.tgz" && { mv -T "$new" "$AVSC" 2>/dev/null || :; }
    fi
    rm -rf "$new"
}

get_avrocat
get_avsc
exit $missing
