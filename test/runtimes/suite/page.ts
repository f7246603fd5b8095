import { coreSuites } from "./core.ts";
import { indexedDBSuites } from "./indexeddb.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in a page: with the stores over IndexedDB, and in a worker of the page with its files too. */
export async function run(): Promise<readonly SuiteReport[]> {
  const reports = await runSuites({
    ...coreSuites,
    ...indexedDBSuites("IndexedDB"),
    ...indexedDBSuites("IndexedDB without Web Locks", { webLocks: false }),
  });
  return [...reports, ...(await runInWorker())];
}

/** This very module as the script of a worker. */
async function runInWorker(): Promise<readonly SuiteReport[]> {
  const address: string = import.meta.url;
  const worker = new Worker(address, { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(`The worker failed: ${message}`));
    });
  } finally {
    worker.terminate();
  }
}

if (!("document" in globalThis)) {
  // WebKitGTK has no such files: there the same cases run over the database.
  const label = "FileSystemFileHandle" in globalThis ? "IndexedDB and files" : "IndexedDB in a worker";
  // Every blob of the suite that has bytes, however small, lies in a file.
  const { [`content in ${label}`]: content = [] } = indexedDBSuites(label, { filesFrom: 1 });
  postMessage(await runSuites({ [`content in ${label}`]: content }));
}
