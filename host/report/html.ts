/**
 * Markup in which everything that is not written here by hand is escaped: a template's values are text unless they are
 * {@link Html} themselves. Text from records is hostile; what is invisible in it, or turns the direction of writing, is
 * shown as its code point.
 * @module
 */
import { createHash } from 'node:crypto';

/** Finished markup; made only by the functions of this file. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

export type Content = string | number | Html | readonly Content[];

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
};
const SPECIAL = /[&<>"'\p{C}\p{Zl}\p{Zp}]/gu;

/** Escapes markup, and names control, format, private, unassigned and lone surrogate code points. */
export function escapeText(text: string): string {
  return text.replace(SPECIAL, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return ESCAPES[character] ?? `[U+${code}]`;
  });
}

function markupOf(content: Content): string {
  if (content instanceof Html) return content.markup;
  if (typeof content === 'object') return content.map(markupOf).join('');
  return escapeText(String(content));
}

/** Line breaks of the source are kept, its indentation is not. */
function plain(part: string | undefined): string {
  return (part ?? '').replace(/\n\s+/g, '\n');
}

/** A template of markup; its values are escaped, lists are joined. Attribute values must be quoted in it. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  let markup = plain(parts[0]);
  values.forEach((value, i) => {
    markup += markupOf(value) + plain(parts[i + 1]);
  });
  return new Html(markup.replace(/> +$/, '>\n'));
}

export const EMPTY: Html = new Html('');

/** A name or sentence from a record, kept from reordering the text around it. */
export function quoted(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

export interface Page {
  readonly title: string;
  /** Constant style and script, never text from records; both are allowed by their hash and nothing else is. */
  readonly style: string;
  readonly script?: string;
  readonly body: Html;
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** What the page may do: show itself, and with a script talk to where it came from. */
export function contentPolicy({ style, script }: Pick<Page, 'style' | 'script'>): string {
  return [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    'img-src data:',
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`, "connect-src 'self'"]),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** A whole document that needs nothing but itself. */
export function page(given: Page): string {
  const { title, style, script, body } = given;
  const document = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(contentPolicy(given))}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${new Html(`<style>${style}</style>`)}
      </head>
      <body>
        ${[body, script === undefined ? EMPTY : new Html(`<script>${script}</script>`)]}
      </body>
    </html> `;
  return document.markup;
}
