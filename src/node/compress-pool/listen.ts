import type { MessagePort } from "node:worker_threads";

/** A port as the web platform has it. */
interface EventPort {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Hears the messages of a port. Not by `on`: with that, Deno takes a third of a second for each mebibyte. */
export function listen<T>(port: MessagePort, call: (message: T) => void): void {
  (port as unknown as EventPort).onmessage = ({ data }) => call(data as T);
}
