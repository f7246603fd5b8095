import { startWorker } from "../workerd.ts";
import type { ExampleSurroundings } from "./example.ts";

/**
 * Bundles a Worker, starts it in workerd without any compatibility flag, with an R2 bucket for every `env.NAME` in it, and asks it
 * once.
 * @returns the text of the answer
 */
export async function runWorker(entry: string, code: string, { request = {} }: ExampleSurroundings): Promise<string> {
  const buckets = new Set([...code.matchAll(/\benv\.([A-Z][A-Z0-9_]*)\b/g)].map(([, name]) => name ?? ""));
  const worker = await startWorker(entry, { buckets: [...buckets] });
  try {
    const { path = "/", method = "GET", headers = {}, body } = request;
    const response = await worker.dispatchFetch(`http://127.0.0.1${path}`, {
      method,
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${text}`);
    return text;
  } finally {
    await worker.dispose();
  }
}
