# SPDX-License-Identifier: Apache-2.0
"""A MariaDB server of our own in a folder: socket only, no passwords, gone with the test."""
import os
import subprocess
import time


class MariaDB:
    def __init__(self, folder):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "sock")
        assert len(self.socket) < 100, "the path is too long for a socket: " + self.socket
        self.process = None

    def start(self, seconds=60):
        data = os.path.join(self.folder, "data")
        common = ["--no-defaults", "--datadir=" + data]
        if not os.path.isdir(data):
            os.makedirs(self.folder, exist_ok=True)
            subprocess.run(["mariadb-install-db", *common, "--user=root", "--auth-root-authentication-method=normal",
                            "--skip-test-db"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = os.path.join(self.folder, "mariadbd.log")
        self.process = subprocess.Popen(
            ["mariadbd", *common, "--user=root", "--skip-networking", "--socket=" + self.socket,
             "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--log-error=" + log,
             "--pid-file=" + os.path.join(self.folder, "pid")], stdin=subprocess.DEVNULL)
        end = time.monotonic() + seconds
        while subprocess.run(["mariadb", "--no-defaults", "--socket=" + self.socket, "-uroot", "-e", "select 1"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            assert self.process.poll() is None and time.monotonic() < end, "mariadbd does not start: see " + log
            time.sleep(0.1)
        return self

    def create(self, name):
        """An empty database; returns its URL for --db."""
        self.sql("create database `%s`" % name)
        return "mariadb:///%s?socket=%s&user=root" % (name, self.socket)

    def sql(self, text, database=None):
        """Rows as lists of text, through the real command."""
        command = ["mariadb", "--no-defaults", "--socket=" + self.socket, "-uroot", "-N", "-B", "-e", text]
        out = subprocess.run(command + ([database] if database else []), check=True, stdout=subprocess.PIPE, text=True).stdout
        return [line.split("\t") for line in out.splitlines()]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
