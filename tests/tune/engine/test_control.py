from tune.engine.control import Control


def test_without_a_rule_of_its_own_a_control_permits_everything():
    control = Control()
    assert control.may_start(None) and control.may_go_on(None, {}) and control.ended() == ""
