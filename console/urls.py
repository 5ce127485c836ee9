"""Addresses of the pages and of the API."""

from django.urls import URLPattern, URLResolver, include, path

from console import converters, health
from console.views import (
    accounts,
    agents,
    approval_claims,
    approval_edit,
    approval_reveal,
    approvals,
    audit,
    breakers,
    budgets,
    bulk,
    controls,
    cover,
    dead_letters,
    glass,
    inlets,
    jump,
    limits,
    mail,
    measures,
    memories,
    policies,
    policy_edit,
    prompts,
    reach,
    reports,
    saved_views,
    schedules,
    sessions,
    settings,
    stop,
    styleguide,
    tokens,
    tools,
)

converters.register()

Urls = list[URLPattern | URLResolver]

_approvals: Urls = [
    path("", approvals.queue, name="approvals"),
    path("bulk/", bulk.many, name="approval-bulk"),
    path("views/", saved_views.save, name="approval-views"),
    path("views/<int:key>/remove/", saved_views.remove, name="approval-view-remove"),
    path("<approval:ref>/", approvals.detail, name="approval"),
    path("<approval:ref>/edit/", approval_edit.edit, name="approval-edit"),
    path("<approval:ref>/undo/", approvals.undo, name="approval-undo"),
    path("<approval:ref>/reveal/", approval_reveal.reveal, name="approval-reveal"),
    path("<approval:ref>/revoke/", approvals.revoke, name="approval-revoke"),
    path("<approval:ref>/break-glass/", glass.break_it, name="approval-glass"),
    path("<approval:ref>/<hand:act>/", approval_claims.act, name="approval-hand"),
    path("<approval:ref>/<verdict:verdict>/", approvals.verdict, name="approval-verdict"),
]
_policies: Urls = [
    path("", policies.policy, name="policies"),
    path("edit/", policy_edit.edit, name="policy-edit"),
    path("save/", policy_edit.save, name="policy-save"),
    path("<int:number>/", policies.revision, name="policy-revision"),
    path("<int:number>/restore/", policy_edit.restore, name="policy-restore"),
]
_sessions: Urls = [
    path("", sessions.sessions, name="sessions"),
    path("<session:ref>/", sessions.session, name="session"),
    path("<session:ref>/<act:act>/", sessions.act, name="session-act"),
]

urlpatterns: Urls = [
    path("", accounts.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("theme/", accounts.theme, name="theme"),
    path("approvals/", include(_approvals)),
    path("sessions/", include(_sessions)),
    path("agents/", agents.agents, name="agents"),
    path("agents/<slug:slug>/", agents.agent, name="agent"),
    path("tools/", tools.tools, name="tools"),
    path("tools/<str:name>/", tools.tool, name="tool"),
    path("memory/", memories.remembered, name="memories"),
    path("memory/<uuid:key>/delete/", memories.delete, name="memory-delete"),
    path("schedules/", schedules.schedules, name="schedules"),
    path("schedules/<slug:name>/", schedules.schedule, name="schedule"),
    path("inlets/", inlets.inlets, name="inlets"),
    path("inlets/<slug:name>/", inlets.act, name="inlet-act"),
    path("dead-letters/", dead_letters.letters, name="dead-letters"),
    path("breakers/", breakers.breakers, name="breakers"),
    path("budgets/", budgets.listed, name="budgets"),
    path("budgets/<uuid:key>/", budgets.change, name="budget"),
    path("stop/", stop.stop, name="stop"),
    path("stop/lift/", stop.lift, name="stop-lift"),
    path("limits/", limits.limits, name="limits"),
    path("prompts/", prompts.prompts, name="prompts"),
    path("prompts/<slug:slug>/", prompts.newest, name="prompt"),
    path("prompts/<slug:slug>/<str:version>/", prompts.version, name="prompt-version"),
    path("policies/", include(_policies)),
    path("break-glass/", glass.glass, name="glass"),
    path("break-glass/<uuid:key>/review/", glass.review, name="glass-review"),
    path("cover/", cover.cover, name="cover"),
    path("cover/<uuid:key>/end/", cover.end, name="cover-end"),
    path("measures/", measures.measured, name="measures"),
    path("measures/controls/", controls.control, name="measures-controls"),
    path("measures/<slug:table>.csv", measures.table, name="measures-csv"),
    path("audit/", audit.entries, name="audit"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/<int:n>/", audit.entry, name="audit-entry"),
    path("mail/", mail.sent, name="mail"),
    path("mail/<str:name>/", mail.message, name="mail-message"),
    path("settings/", settings.settings, name="settings"),
    path("settings/look/", settings.look, name="settings-look"),
    path("settings/notifications/", settings.notifications, name="settings-notifications"),
    path("settings/guide/", settings.first_steps, name="settings-guide"),
    path("open/<str:signed>/", reach.follow, name="open"),
    path("jump/", jump.jump, name="jump"),
    path("news/", reach.news, name="news"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<str:token>/revoke/", tokens.revoke, name="token-revoke"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("csp-report/", reports.csp_report, name="csp-report"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/v1/", include("console.api.urls")),
]

handler400 = "console.views.failures.bad_request"
handler403 = "console.views.failures.forbidden"
handler404 = "console.views.failures.not_found"
handler500 = "console.views.failures.broken"
