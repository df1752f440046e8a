# What the benches share; sourced by them. Each name that is asked has its url and its token.

ROUNDS=${BENCH_ROUNDS:-3}
CONNECTIONS=${BENCH_CONNECTIONS:-64}
THREADS=${BENCH_THREADS:-2}

fail() { echo "${BASH_SOURCE[-1]}: $*" >&2; exit 1; }
command -v wrk >/dev/null || fail "wrk is missing; on Debian: apt-get install wrk"
command -v python3 >/dev/null || fail "python3 is missing; on Debian: apt-get install python3"

declare -A urls tokens processes

work=$(mktemp -d)
clean_up() {
    for process in "${!processes[@]}"; do kill "$process" && wait "$process" || true; done 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

# stop NAME PROCESS
stop() {
    kill "$2"
    # Its number may soon be another process's.
    unset "processes[$2]"
    wait "$2" || fail "$1 did not stop cleanly"
}

# start NAME COMMAND...: runs it until it has said where it listens; sets $process and $url.
start() {
    : >"$work/$1.out"
    "${@:2}" >"$work/$1.out" 2>"$work/$1.err" &
    process=$!
    processes[$process]=$1
    for _ in {1..100}; do
        url=$(grep -om1 'http://[0-9.:]*' "$work/$1.out") && return
        sleep 0.1
    done
    cat "$work/$1.err" >&2
    fail "$1 did not start"
}

# starts BINARY DATA: how long it takes from the process's start to its first answer. It says where it listens when it is
# ready, so that nothing is polled.
starts() {
    python3 - "${STARTS:-10}" "$1" serve --listen 127.0.0.1:0 --data-dir "$2" <<'PYTHON'
import re, resource, statistics, subprocess, sys, time, urllib.request

times = []
for _ in range(int(sys.argv[1])):
    begin = time.perf_counter()
    with subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        url = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
        urllib.request.urlopen(url + "/health").read()
        times.append((time.perf_counter() - begin) * 1000)
        server.terminate()
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
processor = (usage.ru_utime + usage.ru_stime) * 1000 / len(times)
print(f"median {statistics.median(times):.1f} ms, least {min(times):.1f}, most {max(times):.1f}, "
      f"processor {processor:.1f} ms each, the stop included")
PYTHON
}

# sign_in URL USER PASSWORD: an access token.
sign_in() {
    curl --silent --show-error --fail --data-urlencode "username=$2" --data-urlencode "password=$3" \
        "$1/api/v1/login" | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}

# meet_reference: the server of REFERENCE_URL becomes the name reference.
meet_reference() {
    urls[reference]=${REFERENCE_URL%/}
    tokens[reference]=${REFERENCE_TOKEN:-$(sign_in "${urls[reference]}" "$REFERENCE_USER" "$REFERENCE_PASSWORD")}
}

# ask NAME ROUTE SECONDS [CONNECTIONS]: loads the route, and writes one line: requests per second, p50 and p99 in ms. The
# load comes from the cores of ASK_ON, if it is set.
ask() {
    local report=$work/report
    ${ASK_ON:+taskset -c "$ASK_ON"} wrk -t"$THREADS" -c"${4:-$CONNECTIONS}" -d"$3s" --latency \
        -H "Authorization: Bearer ${tokens[$1]}" "${urls[$1]}$2" >"$report"
    if grep -qE 'Non-2xx|Socket errors' "$report"; then
        cat "$report" >&2
        fail "$1 did not answer each request of $2 with success"
    fi
    awk '
        function ms(text) { return text * (text ~ /us$/ ? 0.001 : text ~ /ms$/ ? 1 : text ~ /m$/ ? 60000 : 1000) }
        /^ +50%/ { p50 = ms($2) }
        /^ +99%/ { p99 = ms($2) }
        /^Requests\/sec/ { print $2, p50, p99 }
    ' "$report"
}

# median FILE COLUMN
median() { awk -v column="$2" '{ print $column }' "$1" | sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

machine() { echo "machine: $(nproc) cores, $(awk '/MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo) of memory"; }

# memory PROCESS
memory() { awk '/VmRSS|VmHWM|RssAnon|RssFile/ { printf "%-9s %5.1f MiB\n", $1, $2 / 1024 }' "/proc/$1/status"; }
