import { spawn } from "node:child_process";
import { once } from "node:events";

/** The demo Worker as `npm run worker` starts it. */
export interface Worker {
  readonly origin: string;
  readonly host: string;
  stop(): Promise<void>;
}

/**
 * Starts it on a free port.
 * @param data directory of its bucket
 * @param limit bytes that a posted body may have
 */
export async function startWorker(data: string, limit: number, options: readonly string[] = []): Promise<Worker> {
  const args = ["demo/worker/serve.js", "--port", "0", "--data", data, "--limit", String(limit), ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const origin = await new Promise<string>((done, failed) => {
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (found !== undefined) done(found);
    });
    child.on("exit", () => failed(new Error(`The Worker ended: ${output}`)));
  });
  return {
    origin,
    host: origin.slice("http://".length),
    async stop() {
      const closed = once(child, "exit");
      child.kill();
      await closed;
    },
  };
}
