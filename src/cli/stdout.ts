import process from "node:process";
import { hostError } from "../node/index.ts";
import type { OutputStream } from "./context.ts";

/** The process's stdout, with back-pressure, and with its errors where the writing is. */
export function createStdout(): OutputStream {
  let failure: unknown;
  // A reader that went away is told by an event too, which would end the process if nobody listened.
  process.stdout.on("error", (error) => {
    failure ??= error;
  });
  return {
    isTTY: process.stdout.isTTY === true,
    get columns(): number {
      return process.stdout.columns ?? 80;
    },
    async write(data) {
      try {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve, reject) => {
          process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
        });
      } catch (error) {
        throw hostError(error, "write to stdout");
      }
    },
  };
}
