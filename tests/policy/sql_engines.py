"""The real engines behind tests/policy/sql: started unprivileged in a folder of their own, asked over unix
sockets by the wire protocol itself (no client program may change a text), stopped after.

Each engine has reset(), run(text) (everything the text says, as a driver with multi-statements would send it)
and state(), the whole of data and catalogue as {part: {row, ...}}."""
import glob
import hashlib
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import time

NOBODY = 65534
ERROR = "not readable"
TABLES = ("items", "users", "orders", "log")
ROWS = """INSERT INTO items VALUES (1, 'nut', 3, 10), (2, 'bolt', 5, 20), (3, 'cog', 7, 30);
INSERT INTO users VALUES (1, 'ann', 'pw1', 'admin'), (2, 'bob', 'pw2', 'user');
INSERT INTO orders VALUES (1, 1, 1, 'first'), (2, 3, 2, 'second');
INSERT INTO log VALUES ('start');"""
SCHEMA = """CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), price INT, qty INT);
CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), secret VARCHAR(20), role VARCHAR(20));
CREATE TABLE orders (id INT PRIMARY KEY, item_id INT, user_id INT, note VARCHAR(20));
CREATE TABLE log (msg VARCHAR(200));
CREATE VIEW v_items AS SELECT id, name FROM items;
""" + ROWS
POSTGRES_SCHEMA = """
CREATE SEQUENCE s1;
CREATE FUNCTION bump() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (''bump''); SELECT 1';
CREATE FUNCTION bumpn(int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (''bumpn''); SELECT 1';
CREATE FUNCTION bumpt(text) RETURNS text LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (''bumpt''); SELECT ''x''';
CREATE FUNCTION plus3(int, int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (''plus''); SELECT 1';
CREATE FUNCTION total(int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (''total''); SELECT $1';
CREATE OPERATOR #+# (LEFTARG = int, RIGHTARG = int, FUNCTION = plus3);
CREATE PROCEDURE p1() LANGUAGE sql AS 'DELETE FROM orders';
SELECT lo_from_bytea(4242, 'large');
"""
MARIADB_SCHEMA = (
    "CREATE SEQUENCE s1",
    "CREATE FUNCTION bump() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO log VALUES ('bump'); RETURN 1; END",
    "CREATE FUNCTION total(x INT) RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO log VALUES ('total'); RETURN x; END",
    "CREATE PROCEDURE p1() DELETE FROM orders",
)


def unprivileged():
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []


def wait_for(check, process, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not start")


def files_of(folder):
    """What lies in the folder a text may name as its target."""
    found = set()
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                found.add((os.path.relpath(path, folder), hashlib.sha256(f.read()).hexdigest()))
    return found


class Wire:
    """A stream of bytes read by exact counts."""

    def __init__(self, path, seconds=20):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(seconds)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def read(self, n):
        got = self.f.read(n)
        if len(got) != n:
            raise ConnectionError("closed")
        return got

    def close(self):
        self.f.close()
        self.s.close()


def run_once(connect, text):
    """What the server said against a text over a connection of its own; None when it ran."""
    try:
        client = connect()
        _, error = client.query(text)
        client.close()
        return error
    except (ConnectionError, OSError) as e:
        return str(e).encode()


class PostgresClient(Wire):
    def __init__(self, path, database):
        super().__init__(path)
        body = b"user\0sp\0database\0" + database.encode() + b"\0options\0-c statement_timeout=3000\0\0"
        self.s.sendall(struct.pack(">II", len(body) + 8, 196608) + body)
        self.until_ready()

    def until_ready(self):
        rows, error = [], None
        while True:
            kind, n = struct.unpack(">cI", self.read(5))
            body = self.read(n - 4)
            if kind == b"D":
                rows.append(self.row(body))
            elif kind == b"E":
                error = body
                if b"FATAL" in body:
                    raise ConnectionError(body)
            elif kind == b"G":  # COPY FROM STDIN: nothing to copy
                self.s.sendall(b"c" + struct.pack(">I", 4))
            elif kind == b"Z":
                return rows, error

    @staticmethod
    def row(body):
        at, values = 2, []
        for _ in range(struct.unpack(">H", body[:2])[0]):
            n = struct.unpack(">i", body[at:at + 4])[0]
            values.append(None if n < 0 else body[at + 4:at + 4 + n].decode(errors="replace"))
            at += 4 + max(n, 0)
        return tuple(values)

    def query(self, text):
        body = text.encode() + b"\0"
        self.s.sendall(b"Q" + struct.pack(">I", len(body) + 4) + body)
        return self.until_ready()


class Postgres:
    name = "postgres"
    catalogue = {
        "relations": "SELECT relname, relkind, relpersistence, relowner, relacl::text, relrowsecurity, relnamespace, "
                     "reltablespace FROM pg_class WHERE relname !~ '^pg_toast|^pg_temp' "
                     "AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp')",
        "columns": "SELECT attrelid::regclass, attname, atttypid, attnotnull FROM pg_attribute "
                   "WHERE attrelid >= 16384 AND attnum > 0",
        "functions": "SELECT oid, proname, prosrc, proacl::text FROM pg_proc",
        "roles": "SELECT oid, rolname, rolsuper, rolcanlogin, rolcreaterole, rolpassword FROM pg_authid",
        "members": "SELECT roleid, member FROM pg_auth_members",
        "schemas": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
        "databases": "SELECT datname, datacl::text FROM pg_database",
        "settings": "SELECT setconfig::text FROM pg_db_role_setting",
        "files": "SELECT name, setting FROM pg_file_settings",
        "triggers": "SELECT tgname, tgrelid, tgenabled FROM pg_trigger",
        "rules": "SELECT rulename, ev_class FROM pg_rewrite",
        "types": "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace",
        "operators": "SELECT oid, oprname FROM pg_operator",
        "casts": "SELECT oid FROM pg_cast",
        "extensions": "SELECT extname FROM pg_extension",
        "comments": "SELECT objoid, description FROM pg_description WHERE objoid >= 16384",
        "statistics": "SELECT stxname FROM pg_statistic_ext",
        "large": "SELECT m.oid, lomacl::text, encode(data, 'hex') FROM pg_largeobject_metadata m "
                 "LEFT JOIN pg_largeobject ON loid = m.oid",
        "slots": "SELECT slot_name FROM pg_replication_slots",
        "sequences": "SELECT last_value, is_called FROM s1",
        "prepared": "SELECT gid FROM pg_prepared_xacts",
    }

    def __init__(self, folder, out):
        self.folder, self.out, self.process = folder, out, None
        self.bin = max(glob.glob("/usr/lib/postgresql/*/bin"), default=None)
        if not self.bin:
            raise RuntimeError("no postgresql")

    def start(self):
        data = os.path.join(self.folder, "data")
        subprocess.run([*unprivileged(), os.path.join(self.bin, "initdb"), "-D", data, "-U", "sp", "--auth=trust", "-N",
                        "--locale=C", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL, env={"LC_ALL": "C"})
        with open(os.path.join(self.folder, "server.log"), "wb") as log:
            self.process = subprocess.Popen(
                [*unprivileged(), os.path.join(self.bin, "postgres"), "-D", data, "-k", self.folder, "-h", "", "-F",
                 "-c", "shared_buffers=16MB", "-c", "autovacuum=off", "-c", "wal_level=replica",
                 "-c", "max_wal_size=64MB"],
                stdout=log, stderr=log, env={"LC_ALL": "C"})
        self.path = os.path.join(self.folder, ".s.PGSQL.5432")
        wait_for(self.answers, self.process, "postgres")
        self.admin("CREATE DATABASE seed")
        client = PostgresClient(self.path, "seed")
        _, error = client.query(SCHEMA + POSTGRES_SCHEMA)
        client.close()
        if error:
            raise RuntimeError(f"postgres: {error}")
        self.admin("CREATE ROLE other")
        self.reset()
        readable(self)

    def answers(self):
        try:
            PostgresClient(self.path, "postgres").close()
            return True
        except OSError:
            return False

    def admin(self, text):
        client = PostgresClient(self.path, "postgres")
        _, error = client.query(text)
        client.close()
        return error

    def reset(self):
        rest = ("DROP DATABASE IF EXISTS play WITH (FORCE)", "CREATE DATABASE play TEMPLATE seed",
                "DROP DATABASE IF EXISTS evil", "DROP ROLE IF EXISTS evil", "ALTER ROLE sp RESET ALL",
                "REVOKE pg_read_server_files FROM PUBLIC", "ALTER SYSTEM RESET ALL",
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        for text in rest:
            self.admin(text)
        for path in glob.glob(os.path.join(self.out, "*")):
            os.unlink(path)

    def run(self, text):
        return run_once(lambda: PostgresClient(self.path, "play"), text)

    def state(self):
        client = PostgresClient(self.path, "play")
        got = {"disk": files_of(self.out)}
        for table in TABLES:
            rows, error = client.query(f"SELECT ctid, * FROM {table}")
            got["data " + table] = {(ERROR, error)} if error else set(rows)
        for part, text in self.catalogue.items():
            rows, error = client.query(text)
            got[part] = {(ERROR, error)} if error else set(rows)
        client.close()
        return got

    def stop(self):
        stop(self.process)


class MariadbClient(Wire):
    """Just enough of the protocol: an empty password, text results, several statements in one query."""

    def __init__(self, path):
        super().__init__(path)
        self.packet()
        flags = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
        body = struct.pack("<IIB23x", flags, 1 << 24, 33) + b"root\0" + b"\0" + b"test\0" + b"mysql_native_password\0"
        self.send(body, 1)
        first = self.packet()
        if first[:1] == b"\xfe":
            self.send(b"", 3)
            first = self.packet()
        if first[:1] != b"\0":
            raise ConnectionError(first)

    def send(self, body, number=0):
        self.s.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

    def packet(self):
        head = self.read(4)
        return self.read(int.from_bytes(head[:3], "little"))

    @staticmethod
    def length(body, at):
        n = body[at]
        if n < 0xfb:
            return n, at + 1
        if n == 0xfb:
            return None, at + 1
        size = {0xfc: 2, 0xfd: 3, 0xfe: 8}[n]
        return int.from_bytes(body[at + 1:at + 1 + size], "little"), at + 1 + size

    def row(self, body):
        at, values = 0, []
        while at < len(body):
            n, at = self.length(body, at)
            values.append(None if n is None else body[at:at + n].decode(errors="replace"))
            at += n or 0
        return tuple(values)

    def result(self, rows):
        """One result; (error, whether another follows)."""
        first = self.packet()
        if first[:1] == b"\xff":
            return first[3:], False
        if first[:1] == b"\0":
            _, at = self.length(first, 1)
            _, at = self.length(first, at)
            return None, bool(struct.unpack("<H", first[at:at + 2])[0] & 8)
        if first[:1] == b"\xfb":  # LOAD DATA LOCAL: no file
            self.send(b"", 2)
            return self.result(rows)
        while self.packet()[:1] != b"\xfe":
            continue
        while True:
            body = self.packet()
            if body[:1] == b"\xff":
                return body[3:], False
            if body[:1] == b"\xfe" and len(body) < 9:
                return None, bool(struct.unpack("<H", body[3:5])[0] & 8)
            rows.append(self.row(body))

    def query(self, text):
        self.send(b"\x03" + text.encode())
        rows, more = [], True
        while more:
            error, more = self.result(rows)
            if error:
                return rows, error
        return rows, None


class Mariadb:
    name = "mariadb"
    catalogue = {
        "tables": "SELECT table_schema, table_name, table_type, engine, create_options FROM information_schema.tables "
                  "WHERE table_schema NOT IN ('information_schema', 'performance_schema')",
        "columns": "SELECT table_name, column_name, column_type, column_default FROM information_schema.columns "
                   "WHERE table_schema = 'test'",
        "indexes": "SELECT table_name, index_name, column_name FROM information_schema.statistics "
                   "WHERE table_schema = 'test'",
        "views": "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = 'test'",
        "routines": "SELECT db, name, body FROM mysql.proc WHERE db = 'test'",
        "triggers": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'test'",
        "events": "SELECT event_name FROM information_schema.events",
        "users": "SELECT * FROM mysql.global_priv",
        "schemas": "SELECT schema_name FROM information_schema.schemata",
        "plugins": "SELECT plugin_name, plugin_status FROM information_schema.all_plugins",
        "settings": "SELECT variable_name, variable_value FROM information_schema.global_variables "
                    "WHERE variable_name NOT LIKE 'gtid%' AND variable_name NOT LIKE '%timestamp%'",
        "sequences": "SELECT next_not_cached_value FROM test.s1",
    }

    def __init__(self, folder, out):
        self.folder, self.out, self.process = folder, out, None
        for program in ("mariadbd", "mariadb-install-db"):
            if not shutil.which(program, path="/usr/sbin:/usr/bin"):
                raise RuntimeError("no mariadb-server")

    def start(self):
        data, self.path = os.path.join(self.folder, "data"), os.path.join(self.folder, "s")
        common = ["--no-defaults", f"--datadir={data}"]
        subprocess.run([*unprivileged(), "/usr/bin/mariadb-install-db", *common,
                        "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        with open(os.path.join(self.folder, "server.log"), "wb") as log:
            self.process = subprocess.Popen(
                [*unprivileged(), "/usr/sbin/mariadbd", *common, f"--socket={self.path}", "--skip-networking",
                 f"--pid-file={self.folder}/pid", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
                 "--innodb-log-file-size=8M", "--skip-log-bin", "--max-statement-time=3", "--lock-wait-timeout=3"],
                stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.answers, self.process, "mariadb")
        self.client = MariadbClient(self.path)
        self.reset()
        readable(self)

    def answers(self):
        try:
            client = MariadbClient(self.path + "")
        except (ConnectionError, OSError):
            return self.first_database()
        client.close()
        return True

    def first_database(self):
        """The schema `test` that the client asks for is made through a connection that asks for `mysql`."""
        if not os.path.exists(self.path):
            return False
        try:
            client = MariadbClient.__new__(MariadbClient)
            Wire.__init__(client, self.path)
            client.packet()
            body = struct.pack("<IIB23x", 0x8 | 0x200 | 0x8000 | 0x80000, 1 << 24, 33)
            client.send(body + b"root\0\0mysql\0mysql_native_password\0", 1)
            client.packet()
            client.query("CREATE DATABASE test")
            client.close()
        except (ConnectionError, OSError):
            pass
        return False

    def reset(self):
        texts = ["DROP DATABASE IF EXISTS test", "DROP DATABASE IF EXISTS evil", "CREATE DATABASE test", "USE test",
                 "DROP USER IF EXISTS evil", "DROP USER IF EXISTS evil@localhost", "SET GLOBAL max_connections = 151",
                 "UNINSTALL SONAME IF EXISTS 'auth_ed25519'"]
        for text in texts + [t for t in SCHEMA.split(";") if t.strip()] + list(MARIADB_SCHEMA):
            _, error = self.client.query(text)
            if error and not text.startswith("UNINSTALL"):
                raise RuntimeError(f"mariadb: {text}: {error}")
        for path in glob.glob(os.path.join(self.out, "*")):
            os.unlink(path)

    def run(self, text):
        return run_once(lambda: MariadbClient(self.path), text)

    def state(self):
        got = {"disk": files_of(self.out)}
        for table in TABLES:
            rows, error = self.client.query(f"SELECT * FROM test.{table}")
            got["data " + table] = {(ERROR, error)} if error else {(r, rows.count(r)) for r in rows}
        for part, text in self.catalogue.items():
            rows, error = self.client.query(text)
            got[part] = {(ERROR, error)} if error else set(rows)
        return got

    def stop(self):
        stop(self.process)


class Sqlite:
    name = "sqlite"

    def __init__(self, folder, out):
        self.out = out
        self.path = os.path.join(folder, "play.db")

    def start(self):
        self.reset()

    def reset(self):
        for path in glob.glob(self.path + "*") + glob.glob(os.path.join(self.out, "*")):
            os.unlink(path)
        db = sqlite3.connect(self.path)
        db.executescript(SCHEMA)
        db.close()

    def run(self, text):
        db = sqlite3.connect(self.path, isolation_level=None)
        end = time.monotonic() + 3
        db.set_progress_handler(lambda: time.monotonic() > end, 100000)
        try:
            if "\0" in text:
                return b"NUL"
            if not sqlite3.complete_statement(text):
                text += "\n;"
            db.executescript(text)
        except (sqlite3.Error, sqlite3.Warning) as e:
            return str(e).encode()
        finally:
            db.close()
        return None

    def state(self):
        db = sqlite3.connect(self.path)
        got = {"disk": files_of(self.out), "schema": set(db.execute("SELECT * FROM sqlite_master"))}
        for table in TABLES:
            try:
                got["data " + table] = set(db.execute(f"SELECT rowid, * FROM {table}"))
            except sqlite3.Error as e:
                got["data " + table] = {(str(e),)}
        for name in ("user_version", "application_id", "journal_mode", "auto_vacuum"):
            got[name] = set(db.execute(f"PRAGMA {name}"))
        db.close()
        return got

    def stop(self):
        pass


def readable(engine):
    """A part of the state that cannot be read would never change."""
    for part, rows in engine.state().items():
        for row in rows:
            if row and row[0] == ERROR:
                raise RuntimeError(f"{part}: {row[1]}")


def stop(process):
    """Ends one server of ours by its id, and waits."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_all(folder):
    """Every engine that is installed, by name, and what is said of the others."""
    engines, said = {}, []
    os.chmod(folder, 0o755)
    for kind in (Postgres, Mariadb, Sqlite):
        own, out = os.path.join(folder, kind.name), os.path.join(folder, kind.name + "-out")
        for path in (own, out):
            os.mkdir(path)
            if os.getuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        try:
            engine = kind(own, out)
            engines[kind.name] = engine
            engine.start()
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            said.append(f"{kind.name}: {e}")
            if kind.name in engines:
                engines.pop(kind.name).stop()
    return engines, said
