import { connect, createServer } from "node:net";

/**
 * Passes connections on and counts every byte, heads included.
 * @param {string} host where to: `127.0.0.1:PORT`
 * @returns {Promise<{ host: string, sent: number, received: number, close(): Promise<void> }>} bytes to and from the server
 */
export async function countingProxy(host) {
  const [address, port] = host.split(":");
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const counts = { sent: 0, received: 0 };
  const server = createServer((client) => {
    const upstream = connect(Number(port), address);
    for (const [from, to, count] of /** @type {const} */ ([
      [client, upstream, "sent"],
      [upstream, client, "received"],
    ])) {
      sockets.add(from);
      from.on("data", (chunk) => {
        counts[count] += chunk.byteLength;
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const own = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    host: `127.0.0.1:${own.port}`,
    get sent() {
      return counts.sent;
    },
    get received() {
      return counts.received;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
