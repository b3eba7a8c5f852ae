# SPDX-License-Identifier: Apache-2.0
"""Images, networks and servers of the test guests in one cloud, by one account."""
from . import guests


class Servers:
    def __init__(self, cloud):
        self.cloud = cloud
        self.admin = cloud.admin()
        self.images = {}

    def image(self, guest, os_type="linux", path=None, **properties):
        """The id of an image of test guest @guest; @path: of its disk, if it is a raw one of the test's own."""
        body = {"name": guest, "disk_format": "raw" if path else "qcow2", "container_format": "bare", **properties}
        if os_type:
            body["os_type"] = os_type
        key = (path, *sorted(body.items()))
        if key not in self.images:
            image = self.admin.image.post("/images", body).ok(201)["id"]
            with open(path or guests.image(guest), "rb") as f:
                self.admin.image.call("PUT", "/images/%s/file" % image, data=f,
                                      headers={"Content-Type": "application/octet-stream"}).ok(204)
            self.images[key] = image
        return self.images[key]

    def network(self, name="net", cidr="192.168.2.0/24", tags=()):
        network = self.admin.network.post("/networks", {"network": {"name": name}}).ok(201)["network"]["id"]
        self.admin.network.post("/subnets", {"subnet": {"network_id": network, "cidr": cidr, "ip_version": 4}}).ok(201)
        if tags:
            self.admin.network.put("/networks/%s/tags" % network, {"tags": list(tags)}).ok(200)
        return network

    def boot(self, image, *networks, flavor="1", wait=True, **attributes):
        """The id of a new server."""
        body = {"name": "s", "imageRef": image, "flavorRef": flavor,
                "networks": [{"uuid": n} for n in networks], **attributes}
        server = self.admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
        if wait:
            guests.wait_status(self.admin, server)
        return server

    def act(self, server, action, argument=None, status="ACTIVE"):
        """Carries out an action and waits for its end."""
        self.admin.compute.post("/servers/%s/action" % server, {action: argument}).ok(202)
        return guests.wait_status(self.admin, server, status)

    def console(self, server):
        return guests.console_of(self.admin, server)

    def delete(self, *servers):
        for server in servers:
            self.admin.compute.delete("/servers/" + server).ok(204)
        for server in servers:
            guests.wait_gone(self.admin, server)
