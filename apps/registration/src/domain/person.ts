/** Who may sign in. */
export type Role = 'candidate' | 'teacher' | 'staff'

export const ROLES: readonly Role[] = ['candidate', 'teacher', 'staff']

export interface Person {
  readonly role: Role
  /** ID number of a candidate, login of others. */
  readonly id: string
}

const LOGIN = /^[A-Za-z][A-Za-z0-9_-]{1,31}$/

export function isLogin(text: string): boolean {
  return LOGIN.test(text)
}

export function isRole(value: unknown): value is Role {
  return ROLES.includes(value as Role)
}
