# shellcheck shell=bash
# What building the image needs to know, however it is built: sourced in the root of the repository.
# shellcheck disable=SC2034  # used by what sources this
readonly folder="$PWD/.image"
version="$(sed -n 's/^__version__ = "\(.*\)"/\1/p' keyplan/__init__.py)"
readonly version

# Write what this machine's pip is told about indexes, from files and environment alike; the environment comes first,
# and folders of this machine are left out.
write_pip_config() {
  echo '[global]'
  python3 -m pip config list 2>/dev/null \
    | sed -nE "s/^(:env:|global)\.(index-url|extra-index-url|trusted-host|proxy|timeout)='(.*)'$/\2 = \3/p" \
    | sed -E 's/\\n/ /g; s# ?file:[^ ]*##g' | awk -F' = ' '$2 && !seen[$1]++' || true
}

name_ca_bundle() {
  local named="${PIP_CERT:-${SSL_CERT_FILE:-}}"
  [ -n "$named" ] || named="$(python3 -m pip config get global.cert 2>/dev/null || true)"
  if [ -f "$named" ]; then echo "$named"; fi
}

# The address where the source is published, if that is one for browsers; a clone's may hold a password.
name_source() {
  git remote get-url origin 2>/dev/null | grep -E '^https://[^@]+$' | sed 's/\.git$//' || true
}

# Set `build_options`: what `docker build`, `podman build` and `buildah build` all understand; and `same_time`, which docker
# does not.
choose_build_options() {
  local created="${SOURCE_DATE_EPOCH:-$(date +%s)}" bundle
  write_pip_config >"$folder/pip.conf"
  bundle="$(name_ca_bundle)"
  build_options=(
    --build-arg "EXTRAS=${EXTRAS:-}"
    --build-arg "CREATED=$(date --utc --date "@$created" +%Y-%m-%dT%H:%M:%SZ)"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)"
    --build-arg "VERSION=$version"
    --build-arg "SOURCE=$(name_source)"
    --secret "id=pip_config,src=$folder/pip.conf"
  )
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then same_time=(--timestamp "$SOURCE_DATE_EPOCH"); else same_time=(); fi
  if [ -n "$bundle" ]; then build_options+=(--secret "id=ca_bundle,src=$bundle"); fi
}
