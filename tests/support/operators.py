"""sallyctl as other users run it."""
import os
import subprocess

from runner import skip

NOBODY = 65534


def as_user(g, *args, uid=NOBODY, gids=()):
    """sallyctl run by another user, as a shell of theirs would: (exit status, output, errors)."""
    if os.geteuid() != 0:
        skip("only root can become other users")
    r = subprocess.run([g.programs["sallyctl"], "--run-dir", g.run_dir, *args, "--json"], capture_output=True,
                       text=True, timeout=30, check=False, user=uid, group=gids[0] if gids else uid,
                       extra_groups=list(gids[1:]))
    return r.returncode, r.stdout, r.stderr


def opened_to_all(make, roles=None):
    """A gateway whose sockets other users can reach; what they may do is for its roles to say."""
    g = make(config={"control": {"roles": roles}} if roles else {})
    path = os.path.realpath(g.run_dir)
    while path != "/" and os.stat(path).st_uid == os.geteuid():
        os.chmod(path, os.stat(path).st_mode | 0o055)
        path = os.path.dirname(path)
    return g
