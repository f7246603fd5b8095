import { h } from "./dom.ts";

/** Takes what is dropped anywhere on the page. @param directory says where it would go */
export function onDrop(directory: () => string, dropped: (data: DataTransfer) => void): void {
  const hint = h("div", { class: "drop-hint", "aria-hidden": "true", hidden: true });
  document.body.append(hint);
  // Entering a child of the page comes before leaving its parent.
  let depth = 0;
  const end = (): void => {
    depth = 0;
    hint.hidden = true;
  };
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth++;
    hint.textContent = `Drop to add to ${directory()}`;
    hint.hidden = document.querySelector("dialog[open]") !== null;
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) end();
  });
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    end();
    if (!hasFiles(event) || event.dataTransfer === null) return;
    event.preventDefault();
    // A question that is open must be answered first.
    if (document.querySelector("dialog[open]") === null) dropped(event.dataTransfer);
  });
}
