import type { DisplayStream, ProgressDisplay } from "./display.ts";

/** One JSON object per line and event, with `time` in seconds since the start; warnings are `{ "warning": … }`, and what is good to know `{ "note": … }`. */
export function createJsonDisplay(stream: DisplayStream, now: () => number): ProgressDisplay {
  const start = now();
  const time = (): number => Math.round((now() - start) * 1000) / 1000;
  const print = (value: unknown): unknown => stream.write(`${JSON.stringify(value)}\n`);
  return {
    onProgress({ error, ...event }) {
      print({ time: time(), ...event, ...(error === undefined ? {} : { error: messageOf(error) }) });
    },
    warn: (message) => void print({ time: time(), warning: message }),
    note: (message) => void print({ time: time(), note: message }),
    end: () => undefined,
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
