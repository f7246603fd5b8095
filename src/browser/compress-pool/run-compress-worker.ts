import { answerRequest, type DeflateRequest, READY } from "../../compress/workers/messages.ts";
import { SlipwayError } from "../../errors.ts";

/** A worker's own side. */
interface WorkerScope {
  addEventListener(type: "message", listener: (event: MessageEvent<DeflateRequest>) => void): void;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/**
 * Makes this worker one of those that `createCompressPool` starts by its option `worker`: to be called by the program of a worker
 * that is bundled by itself.
 * @throws SlipwayError `FAILED_PRECONDITION` if this is no worker
 */
export function runCompressWorker(): void {
  if (!("WorkerGlobalScope" in globalThis)) {
    throw new SlipwayError("FAILED_PRECONDITION", "Cannot run a worker of a pool: this is no worker; start it as one");
  }
  const scope = globalThis as unknown as WorkerScope;
  scope.addEventListener("message", ({ data }) => {
    const { message, transfer } = answerRequest(data);
    scope.postMessage(message, transfer);
  });
  scope.postMessage(READY);
}
