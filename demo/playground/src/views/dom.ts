/** Attributes and listeners for {@link h}. `false` and `undefined` leave an attribute out. */
export interface Properties {
  readonly [name: string]: string | number | boolean | undefined | ((event: never) => void);
}

/**
 * An element with attributes (`onclick` and the like are listeners) and children. Text is text, whatever it holds: nothing is
 * ever read as HTML.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: readonly (Node | string | undefined)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A button that does something. */
export function button(label: string, onclick: () => void, properties: Properties = {}): HTMLButtonElement {
  return h("button", { type: "button", ...properties, onclick }, label);
}

/** The head of a table's column; numbers stand on the right. */
export function columnHead(text: string): HTMLElement {
  return h("th", { scope: "col", class: text === "Size" ? "size" : text === "Actions" ? "actions" : undefined }, text);
}

/** An element of the page. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element #${id}`);
  return element;
}

/** A file name as text: control characters, and bytes that are no UTF-8, are made visible. */
export function shownName(name: string): string {
  return name.replace(/[\p{Control}\p{Surrogate}\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}
