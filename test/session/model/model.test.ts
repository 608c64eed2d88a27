/**
 * The model: safe with all checks in every scenario, attackable without each of them. Prints the attacks.
 */
import { describe, expect, it } from 'vitest';
import { CHECKS, SCENARIOS } from './checks.ts';
import { explore } from './explore.ts';
import type { CheckName } from './machine.ts';

const names = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[];

describe('with every check', () => {
  it.each(names)('%s: no attack', (name) => {
    const { attack, states, completed } = explore(SCENARIOS[name], new Set());
    expect(attack).toBeUndefined();
    expect(states).toBeGreaterThan(1);
    console.log(`${name}: ${states} states, ${completed} of them with A and B open`);
  });

  it.each(['network', 'relay', 'hostOfB', 'bCalls', 'versions'] as const)(
    '%s: A and B can open at all, so that safety is not vacuous',
    (name) => expect(explore(SCENARIOS[name], new Set()).completed).toBeGreaterThan(0),
  );
});

describe.each(CHECKS)('$check ($code)', ({ check, scenario, without, victims }) => {
  const base: ReadonlySet<CheckName> = new Set(without);
  const { name } = SCENARIOS[scenario];

  it(`holds against: ${name}${without.length > 0 ? `, without ${without.join(', ')}` : ''}`, () => {
    expect(explore(SCENARIOS[scenario], base, victims).attack).toBeUndefined();
  });

  it('removed: an attack', () => {
    const { attack } = explore(SCENARIOS[scenario], new Set([...without, check]), victims);
    expect(attack, 'expected an attack').toBeDefined();
    const also = without.length > 0 ? ` (also without ${without.join(', ')})` : '';
    const lines = attack!.trace.map((line) => `    ${line}`).join('\n');
    console.log(`without ${check}${also}: ${name}\n${lines}\n    => ${attack!.violation}`);
  });
});

it('every check of the model is in the table, but for the one that fresh ephemerals make superfluous', () => {
  const table = new Set<CheckName>(CHECKS.map(({ check }) => check));
  expect(table.size).toBe(CHECKS.length);
  // an own ephemeral sent back yields a key that nobody but its owner knows: refused for its name, not for safety
  for (const name of [
    'network',
    'hostOfB',
    'bCalls',
    'alone',
    'aloneResponder',
    'diversion',
  ] as const) {
    expect(explore(SCENARIOS[name], new Set(['reflectEphemeral'])).attack).toBeUndefined();
  }
});
