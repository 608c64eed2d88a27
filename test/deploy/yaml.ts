/**
 * Reads a YAML file into plain values, with the parser of the project's formatter: the short forms of CloudFormation's
 * functions become their long ones (`!Ref X` is `{Ref: X}`), and a mapping with a key twice is refused.
 * @module
 */
import { parsers } from 'prettier/plugins/yaml';

interface Node {
  readonly type: string;
  readonly value?: string;
  readonly tag?: { readonly value: string } | null;
  readonly children?: readonly (Node | null)[];
}
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

function scalar(text: string): Yaml {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text === 'null' || text === '~' || text === '' ? null : text;
}

function keyOf(node: Node | undefined): string {
  const key = valueOf(node);
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw new Error('a key that is no text');
}

const kids = (node: Node): Node[] => (node.children ?? []).filter((child) => child !== null);

function untagged(node: Node): Yaml {
  switch (node.type) {
    case 'plain':
      return scalar(node.value ?? '');
    case 'quoteSingle':
    case 'quoteDouble':
    case 'blockLiteral':
    case 'blockFolded':
      return node.value ?? '';
    case 'sequence':
    case 'flowSequence':
      return kids(node).map((item) => valueOf(kids(item)[0]));
    case 'mapping':
    case 'flowMapping': {
      const entries = kids(node).map((item): [string, Yaml] => {
        const [key, value] = item.children ?? [];
        return [
          keyOf(kids(key!)[0]),
          value === undefined || value === null ? null : valueOf(kids(value)[0]),
        ];
      });
      if (new Set(entries.map(([key]) => key)).size !== entries.length) {
        throw new Error(`a key twice: ${entries.map(([key]) => key).join(', ')}`);
      }
      return Object.fromEntries(entries);
    }
    default:
      throw new Error(`unexpected YAML: ${node.type}`);
  }
}

function valueOf(node: Node | undefined): Yaml {
  if (node === undefined || node.type === 'null') return null;
  const value = untagged(node);
  const tag = node.tag?.value;
  if (tag === undefined) return value;
  const name = tag === '!Ref' ? 'Ref' : tag.replace(/^!/, 'Fn::');
  return { [name]: name === 'Fn::GetAtt' && typeof value === 'string' ? value.split('.') : value };
}

export async function parseYaml(text: string): Promise<Yaml> {
  const parse = parsers.yaml.parse as (text: string, options: object) => Node | Promise<Node>;
  const root = await parse(text, {});
  const [document, ...more] = kids(root);
  if (document === undefined || more.length > 0) throw new Error('expected one YAML document');
  const body = kids(document).find(({ type }) => type === 'documentBody');
  return valueOf(body === undefined ? undefined : kids(body)[0]);
}
