import { registrableDomain, trustRealm, trustRedirect } from './trust.ts';

describe('registrableDomain', () => {
  test.each([
    ['registry-1.docker.io', 'docker.io'],
    ['ghcr.io', 'ghcr.io'],
    ['a.b.example.org', 'example.org'],
    ['example.org.', 'example.org'],
    ['registry.example.co.uk', 'example.co.uk'],
    ['co.uk', undefined],
    ['one.azurecr.io', 'one.azurecr.io'],
    ['azurecr.io', undefined],
    ['localhost', undefined],
    ['registry', undefined],
    ['127.0.0.1', undefined],
    ['[::1]', undefined],
  ])('%s belongs to %s', (host, domain) => {
    expect(registrableDomain(host)).toBe(domain);
  });
});

describe('a token realm', () => {
  test.each([
    ['https://registry.example.org', 'https://registry.example.org/token', 'own'],
    ['https://registry.example.org', 'https://registry.example.org:8443/token', 'named'],
    ['https://registry.example.org', 'https://auth.example.org/token', 'sibling'],
    ['https://registry-1.docker.io', 'https://auth.docker.io/token', 'sibling'],
    ['https://registry.example.org', 'https://example.org/token', 'sibling'],
    ['https://registry.example.org', 'https://named.test/token', 'named'],
    ['https://registry.example.org', 'https://port.test:444/token', 'named'],
    ['https://registry.example.org', 'https://port.test/token', undefined],
    ['https://registry.example.org', 'http://named.test/token', undefined],
    ['https://registry.example.org', 'http://registry.example.org/token', undefined],
    ['http://registry.example.org', 'http://registry.example.org/token', 'own'],
    ['http://registry.example.org', 'https://registry.example.org/token', 'named'],
    ['https://registry.example.org', 'https://example.org.evil.test/token', undefined],
    ['https://registry.example.org', 'https://evilexample.org/token', undefined],
    ['https://registry.example.co.uk', 'https://evil.co.uk/token', undefined],
    ['https://one.azurecr.io', 'https://two.azurecr.io/token', undefined],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token', 'named'],
    ['http://127.0.0.1:5000', 'http://127.0.0.2:5000/token', undefined],
    ['http://127.0.0.1:5000', 'http://localhost:5000/token', undefined],
    ['http://localhost:5000', 'http://127.0.0.1:5000/token', undefined],
    ['http://127.0.0.1:5000', 'http://169.254.169.254/token', undefined],
    ['http://127.0.0.1:5000', 'http://[::ffff:a9fe:a9fe]/token', undefined],
    ['http://127.0.0.1:5000', 'http://0.0.0.0/token', undefined],
    ['http://registry.example.org', 'ftp://registry.example.org/token', undefined],
    ['http://registry.example.org', 'file:///etc/passwd', undefined],
  ])('of %s at %s is trusted as %s', (origin, realm, expected) => {
    const allowed = ['NAMED.test', 'port.test:444'];
    expect(trustRealm(new URL(origin), new URL(realm), allowed)).toBe(expected);
  });
});

describe('a redirect', () => {
  test.each([
    ['https://registry.example.org/v2/', 'own'],
    ['https://registry.example.org.:443/v2/', 'named'],
    ['https://registry.example.org:444/v2/', 'named'],
    ['https://cdn.test/x', 'other'],
    ['https://1.1.1.1/x', 'other'],
    ['https://10.0.0.1/x', undefined],
    ['https://10.0.0.2:9000/x', 'named'],
    ['https://10.0.0.2/x', undefined],
    ['https://[fd00::1]/x', 'named'],
    ['https://[fd00::2]/x', undefined],
    ['https://127.0.0.1/x', undefined],
    ['https://0/x', undefined],
    ['https://169.254.169.254/latest/meta-data', undefined],
    ['https://[::ffff:169.254.169.254]/x', undefined],
    ['https://localhost/x', undefined],
    ['https://any.localhost./x', undefined],
  ])('to %s is trusted as %s', (target, expected) => {
    const allowed = ['10.0.0.2:9000', 'fd00::1'];
    expect(trustRedirect(new URL('https://registry.example.org'), new URL(target), allowed)).toBe(expected);
  });
});
