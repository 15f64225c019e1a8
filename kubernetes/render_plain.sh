#!/usr/bin/env bash
# Renders kubernetes/plain/, one file an object, from overlays/plain, for those who apply files as they
# are: `kubectl apply -f kubernetes/plain/`. To be run after a change of base/; a test compares.
#     kubernetes/render_plain.sh [FOLDER]
# Without FOLDER it is kubernetes/plain. What YAML lies in it before is removed, so that an object
# that is gone from base/ is gone here too.
set -euo pipefail
into=${1:+$(realpath "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")"
into=${into:-plain}
manifests=$(kubectl kustomize overlays/plain)
mkdir -p "$into"
rm -f "$into"/*.yaml
awk -v into="$into" '
    function write() {
        if (kind == "") return
        name = tolower(kind) (count[kind]++ ? "-" object : "")
        file = into "/" name ".yaml"
        print "# Rendered by render_plain.sh: see overlays/plain." >file
        printf "%s", text >file
        close(file)
    }
    /^---$/ { write(); kind = object = text = ""; next }
    /^kind: / { kind = $2 }
    /^  name: / && object == "" { object = $2 }
    { text = text $0 "\n" }
    END { write() }
' <<<"$manifests"
