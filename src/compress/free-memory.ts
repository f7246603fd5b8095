let nowhere: MessagePort | undefined;

/**
 * Gives memory back to the host at once. A thread that makes little else than large arrays is in no hurry to collect its garbage: tens
 * of them would pile up.
 */
export function freeMemory(buffer: ArrayBuffer): void {
  const { transfer } = buffer as { transfer?(size: number): ArrayBuffer };
  if (transfer !== undefined) {
    transfer.call(buffer, 0);
    return;
  }
  // What is moved through a closed port is gone.
  if (nowhere === undefined) {
    const { port1 } = new MessageChannel();
    port1.close();
    nowhere = port1;
  }
  nowhere.postMessage(undefined, [buffer]);
}
