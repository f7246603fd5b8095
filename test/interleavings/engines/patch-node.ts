import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
import { after, isScheduled, step } from "../scheduler.ts";

// Imported before the code that is explored: what it takes from the host is changed here.

/** A flush to the disk is a place where others go on. It takes no time: nobody pulls the plug. */
const fsync = (_file: number, done: (error: Error | null) => void): void => {
  step("fsync").then(() => done(null), done);
};
Object.assign(fs, { fsync });

const { setTimeout: sleep } = timers;
Object.assign(timers, {
  setTimeout: (milliseconds: number, ...rest: []) =>
    isScheduled()
      ? new Promise<void>((resolve) => {
          after(milliseconds, resolve);
        })
      : sleep(milliseconds, ...rest),
});
syncBuiltinESMExports();

/** Whether the host reads or writes a file just now. */
export const isReading = (): boolean => process.getActiveResourcesInfo().some((name) => name.includes("Req"));
