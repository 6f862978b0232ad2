#!/usr/bin/env bash
# Upload a video to a service (dfb-ext serve), follow its job, and fetch its timeline, report and keyframes:
#
#   scripts/test_video_api.sh VIDEO [FOLDER] [fps=5 threshold=0.3 ...]
#
# FOLDER is where they go; without one, into a folder called as the job. DFB_URL says where the service answers
# (http://127.0.0.1:8000), DFB_TOKEN is a token of it. A service that is started again meanwhile is waited for.
# Exit codes: 0 done, 1 failure, 2 usage. Needs curl 7.55 or newer.
set -euo pipefail

url=${DFB_URL:-http://127.0.0.1:8000}
url=${url%/}
tries=60
body=$(mktemp)
heads=$(mktemp)
trap 'rm -f "$body" "$heads"' EXIT

die() {
  echo "error: $1" >&2
  exit "${2:-1}"
}

# curl with the token, which stands in no list of processes. What curl says of a service that is not there is ours to say.
call() {
  if [[ -n ${DFB_TOKEN:-} ]]; then
    curl --silent --header @<(printf 'Authorization: Bearer %s\n' "$DFB_TOKEN") "$@"
  else
    curl --silent "$@"
  fi
}

# The text of a field of the answer; names and messages in it have their quotes escaped, and are no fields.
field() {
  sed -nE 's/.*"'"$1"'": ?"(([^"\\]|\\.)*)".*/\1/p' | head -n 1
}

# GET a path into a file; sets `status`, 000 where nothing answers.
get() {
  status=$(call --output "$2" --write-out '%{http_code}' "$url$1") || status=000
}

# End with what the service says, or with why there is nothing.
refused() {
  [[ $status != 000 ]] || die "no service answers at $url; start one (dfb-ext serve --weights W), or set DFB_URL"
  die "$1: $status, $(field detail <"$body")"
}

[[ $# -ge 1 && $1 != -h && $1 != --help ]] || die "usage: ${0##*/} VIDEO [FOLDER] [NAME=VALUE ...]" 2
video=$1
shift
[[ -f $video && -r $video ]] || die "$video is no file that can be read" 2
folder=""
if [[ $# -ge 1 && $1 != *=* ]]; then
  folder=$1
  shift
fi
options=()
for option in "$@"; do
  [[ $option == *=* ]] || die "$option is no option; give NAME=VALUE, such as fps=5" 2
  options+=(--form-string "$option")
done

quoted=${video//\\/\\\\}
quoted=${quoted//\"/\\\"}
status=$(call --dump-header "$heads" --output "$body" --write-out '%{http_code}' \
  --form "file=@\"$quoted\"" ${options[@]+"${options[@]}"} "$url/v1/video/analyze") || status=000
[[ $status == 20[02] ]] || refused "$video was not taken"
job=$(field job_id <"$body")
[[ -n $job ]] || die "$url is no service of deepfakebench_ext: it answered without a job"
echo "job $job: $url/v1/jobs/$job"

# Each change is an event; after a broken line those that were missed come first.
state="" event=-1 left=$tries
until [[ $state == completed || $state == failed || $state == cancelled ]]; do
  while IFS= read -r line; do
    case $line in
      id:*) event=${line#id:} && event=${event// /} && event=${event%$'\r'} ;;
      data:*)
        state=$(field state <<<"$line")
        share=$(sed -nE 's/.*"progress": ?([0-9.eE-]+).*/\1/p' <<<"$line")
        echo "$state, $(field stage <<<"$line"), $share done"
        left=$tries
        ;;
    esac
  done < <(call --no-buffer --speed-limit 1 --speed-time 60 --header "Last-Event-ID: $event" "$url/v1/jobs/$job/events")
  [[ $state == completed || $state == failed || $state == cancelled ]] && break
  sleep 1
  get "/v1/jobs/$job" "$body"
  [[ $status == 200 || $status == 000 || $status == 429 || $status == 5* ]] || refused "job $job"
  ((left-- > 0)) || refused "job $job cannot be followed any more"
done
if [[ $state != completed ]]; then
  get "/v1/jobs/$job" "$body"
  reason=$(field error <"$body")
  die "the job is $state${reason:+: $reason}"
fi

folder=${folder:-$job}
mkdir -p "$folder/keyframes"
for pair in result:timeline.json report.html:report.html; do
  get "/v1/jobs/$job/${pair%%:*}" "$body"
  [[ $status == 200 ]] || refused "${pair#*:}"
  cp "$body" "$folder/${pair#*:}"
done
for ((number = 1; ; number++)); do
  get "/v1/jobs/$job/keyframes/$number.jpg" "$body"
  [[ $status != 404 ]] || break
  [[ $status == 200 ]] || refused "keyframe $number"
  cp "$body" "$folder/keyframes/$number.jpg"
done
echo "timeline.json, report.html and $((number - 1)) keyframes are in $folder"
