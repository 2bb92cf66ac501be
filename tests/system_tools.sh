#!/bin/sh
# Programs and libraries that some tests need and that no wheel carries: Java and Maven (Apache Kafka), Prometheus with promtool,
# and a software OpenGL (pictures of the city). Installs what is missing where that needs no question; otherwise says which tests
# will be skipped. Fails only when THROUGHLINE_REQUIRE_SERVICES=1 and a service is still missing, because then those tests would
# fail anyway; without OpenGL they are skipped.
set -u

missing() {
    found=""
    command -v java >/dev/null 2>&1 || found="$found java"
    command -v mvn >/dev/null 2>&1 || found="$found mvn"
    command -v promtool >/dev/null 2>&1 && command -v prometheus >/dev/null 2>&1 || found="$found prometheus"
    if command -v ldconfig >/dev/null 2>&1; then # else nobody knows
        case $(ldconfig -p 2>/dev/null) in *libEGL_mesa*) ;; *) found="$found opengl" ;; esac
    fi
    echo "${found# }"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "$@" # RUNLEVEL=1: packages start no daemon
    else
        sudo -n env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; }
}

lacking=$(missing)
[ -z "$lacking" ] && exit 0

if may_install; then
    packages=""
    for tool in $lacking; do
        case $tool in
            java) packages="$packages default-jre-headless" ;;
            mvn) packages="$packages maven" ;;
            prometheus) packages="$packages prometheus" ;;
            opengl) packages="$packages libegl1 libgl1 libgl1-mesa-dri" ;;
        esac
    done
    echo "tests: installing$packages (for tests that need them)"
    patience="-o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60" # a machine without a network
    # shellcheck disable=SC2086 # lists of words
    { as_root apt-get $patience update -qq && as_root apt-get $patience install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1
    lacking=$(missing)
    [ -z "$lacking" ] && exit 0
fi

skipped=""
case " $lacking " in *" java "* | *" mvn "*) skipped="tests against Apache Kafka" ;; esac
case " $lacking " in *" prometheus "*) skipped="${skipped:+$skipped and }tests with Prometheus" ;; esac
case " $lacking " in *" opengl "*) skipped="${skipped:+$skipped and }tests that draw the city" ;; esac
echo "tests: missing $lacking: $skipped will be skipped (Debian: apt-get install default-jre-headless maven prometheus libegl1 libgl1 libgl1-mesa-dri)" >&2
[ "${THROUGHLINE_REQUIRE_SERVICES:-}" = 1 ] && [ "$lacking" != opengl ] && exit 1
exit 0
