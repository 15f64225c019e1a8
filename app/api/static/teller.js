// What others listen to. `News` has a detail for each kind of news that is told.

/** @template {Record<string, unknown>} News */
export class Teller extends EventTarget {
  /**
   * @template {keyof News & string} Kind
   * @param {Kind} kind
   * @param {(detail: News[Kind]) => void} listener
   */
  listen(kind, listener) {
    this.addEventListener(kind, (event) => {
      if (event instanceof CustomEvent) listener(event.detail);
    });
  }

  /**
   * @protected
   * @template {keyof News & string} Kind
   * @param {Kind} kind
   * @param {News[Kind]} detail
   */
  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
