#!/bin/sh
# Makes .env from .env.example with a random secret for every empty name, mode 600. Never overwrites one.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$here/.env}
if [ -e "$target" ]; then
    echo "✗ $target 已存在，不覆盖 / $target exists and is not overwritten" >&2
    exit 1
fi
umask 077
while IFS= read -r line; do
    case $line in
        [A-Z]*=) line=$line$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n') ;;
    esac
    printf '%s\n' "$line"
done < "$here/.env.example" > "$target"
echo "✓ $target" >&2
