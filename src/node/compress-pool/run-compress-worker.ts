import { type MessagePort, parentPort } from "node:worker_threads";
import { answerRequest, type DeflateRequest, READY } from "../../compress/workers/messages.ts";
import { SlipwayError } from "../../errors.ts";
import { listen } from "./listen.ts";

/**
 * Makes this worker one of those that `createCompressPool` starts by its option `worker`: to be called by the program of a worker
 * that is bundled by itself.
 * @throws SlipwayError `FAILED_PRECONDITION` if this is no worker
 */
export function runCompressWorker(): void {
  const parent = parentPort;
  if (parent === null) {
    throw new SlipwayError("FAILED_PRECONDITION", "Cannot run a worker of a pool: this is no worker; start it as one");
  }
  parent.once("message", (port: MessagePort) => {
    listen<DeflateRequest>(port, (request) => {
      const { message, transfer } = answerRequest(request);
      port.postMessage(message, transfer);
    });
    port.postMessage(READY);
  });
}
